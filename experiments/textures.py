"""Which network reads game textures best, and what do augmentation and the alpha channel add?

    python -m experiments.textures --config.data.path=DIR [--seeds 3] [--quick]

Dungeon Crawl's tiles (without the path they are downloaded), split by stem. The residual and the inception network
are trained with AdamW, weight decay and label smoothing; shifts and mirror images where a name doesn't say `plain`.
`rgb` is without the alpha channel, over black.
"""

from gv_jax.ablation import ablate

CONFIG = "configs/dungeon_tiles.py"
AUGMENTED = {"augment.flip": 0.5, "augment.pad_crop": 2}
RECIPE = {"optimizer.name": "adamw", "optimizer.weight_decay": 0.05, "augment.label_smoothing": 0.1}
RESNET = {"model.name": "resnet34", "model.stem": "imagenet", "train.epochs": 20, **RECIPE}
SEQUENTIAL = {"model.name": "sequential", "optimizer.learning_rate": 3e-3}
VARIANTS = {
    "baseline_plain": {},
    "baseline": AUGMENTED,
    "baseline_rgb": {"data.channels": 3, **AUGMENTED},
    "sequential_plain": SEQUENTIAL,
    "sequential": {**SEQUENTIAL, **AUGMENTED},
    "inception": {
        "model.name": "inception",
        "train.epochs": 12,
        "optimizer.learning_rate": 3e-3,
        **RECIPE,
        **AUGMENTED,
    },
    "resnet34_plain": RESNET,
    "resnet34": {**RESNET, **AUGMENTED},
    "resnet34_rgb": {"data.channels": 3, **RESNET, **AUGMENTED},
    "resnet34_small_stem": {
        **RESNET,
        **AUGMENTED,
        "model.stem": "small",
        "train.epochs": 4,
        "optimizer.learning_rate": 2e-3,
    },
}

if __name__ == "__main__":
    ablate(__file__, __doc__ or "", CONFIG, VARIANTS, reference="baseline_plain", seeds=3)
