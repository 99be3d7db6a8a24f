"""Is a network as accurate when it computes in bfloat16 as in float32?

    gv-jax ablate experiments/precision.py [--config.data.path=DIR]

Tiles of Dungeon Crawl (downloaded without --config.data.path), split by stem. Parameters, their
updates, statistics of batch normalization and logits are float32 in both.
"""

CONFIG = "configs/dungeon_tiles.py"
AUGMENTED = {"augment.flip": 0.5, "augment.pad_crop": 2}
RESNET = {
    "model.name": "resnet18",
    "model.stem": "imagenet",
    "optimizer.name": "adamw",
    "optimizer.weight_decay": 0.05,
    "augment.label_smoothing": 0.1,
    "train.epochs": 12,
}
MODELS = {"baseline": AUGMENTED, "resnet18": AUGMENTED | RESNET}
VARIANTS = {
    f"{name}_{dtype}": {**fields, "model.dtype": dtype}
    for name, fields in MODELS.items()
    for dtype in ("float32", "bfloat16")
}
REFERENCE = {f"{name}_bfloat16": f"{name}_float32" for name in MODELS}
