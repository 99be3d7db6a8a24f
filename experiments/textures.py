"""Which model classifies game textures best, and what do augmentation and alpha contribute?

    gv-jax ablate experiments/textures.py [--config.data.path=DIR]

Tiles of Dungeon Crawl (downloaded without --config.data.path), split by stem. ResNet and Inception
are trained with AdamW, weight decay and label smoothing; variants without `plain` in their name use
shifts and horizontal flips; `rgb` variants composite the tiles on black.
"""

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
REFERENCE = "baseline_plain"
