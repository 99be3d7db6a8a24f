r"""Do generated tiles help a classifier, with few and with many real ones?

    gv-jax ablate experiments/synthetic.py [--config.data.path=DIR]

Baseline CNN and ResNet-18 on 10, 30 and 100 % of the training tiles of Dungeon Crawl, each with
shifts and flips only, and with generated tiles added at 0.25 and 1 times the number of real ones.
Variants of one model have the same number of training steps, and generated tiles are compared with
none at the same model and fraction. The generators know the same fraction only, and their guidance
is low, for variety. For PERCENT = 10, 30 and 100:

    gv-jax train --config=configs/generate_tiles.py --workdir=runs/generate_tiles_PERCENT \
        --config.data.train_fraction=FRACTION --config.train.epochs=EPOCHS \
        --config.generation.layouts=0
    gv-jax generate runs/generate_tiles_PERCENT --class all --count COUNT --guidance 2 \
        --output runs/generate_tiles_PERCENT/samples

FRACTION is 0.1, 0.3 and 1.0, EPOCHS 60, 32 and 96, COUNT 310, 940 and 3130. Four more variants add
tiles of the better generator of configs/generate_tiles.py, which follows layouts of all tiles:

    gv-jax train --config=configs/generate_tiles.py
    gv-jax generate runs/generate_tiles --class all --count 3130 \
        --output runs/generate_tiles/samples
"""

CONFIG = "configs/dungeon_tiles.py"
AUGMENTED = {"augment.flip": 0.5, "augment.pad_crop": 2}
MODELS = {
    "baseline": {"train.steps_per_epoch": 50, "train.epochs": 12},
    "resnet18": {
        "model.name": "resnet18",
        "model.stem": "imagenet",  # its stages take 1/16 of the operations of `small`
        "train.steps_per_epoch": 50,
        "train.epochs": 6,
        "optimizer.name": "adamw",
        "optimizer.weight_decay": 0.05,
        "augment.label_smoothing": 0.1,
    },
}
RATIOS = {"quarter": 0.25, "equal": 1.0}  # generated tiles per real one
VARIANTS = {}
REFERENCE = {}
for percent in (10, 30, 100):
    for name, fields in MODELS.items():
        plain = f"{name}_{percent}"
        VARIANTS[plain] = {**fields, **AUGMENTED, "data.train_fraction": percent / 100}
        for suffix, ratio in RATIOS.items():
            VARIANTS[f"{plain}_{suffix}"] = {
                **VARIANTS[plain],
                "data.generated": f"runs/generate_tiles_{percent}/samples",
                "data.generated_ratio": ratio,
            }
            REFERENCE[f"{plain}_{suffix}"] = plain
for name in MODELS:
    plain = f"{name}_100"
    for suffix, ratio in RATIOS.items():
        VARIANTS[f"{plain}_layouts_{suffix}"] = {
            **VARIANTS[plain],
            "data.generated": "runs/generate_tiles/samples",
            "data.generated_ratio": ratio,
        }
        REFERENCE[f"{plain}_layouts_{suffix}"] = plain
