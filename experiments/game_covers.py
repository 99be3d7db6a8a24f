"""How should a pretrained network be fitted to game covers, whose genres are unbalanced and hard?

    gv-jax ablate experiments/game_covers.py --config.data.path=DIR

The steps of the published project (a frozen backbone; two unfrozen stages with class weights 1/n;
the full recipe) from ImageNet weights, and later methods: mixup, cutmix, gradual unfreezing,
balanced batches. The weights of ResNet-50 are fetched from the hub once; those of EfficientNetV2-S,
in torchvision's names, are read from data/weights/. All genres of a cover instead of the first:
gv-jax train --config=configs/game_covers.py --config.task=multi_label.
"""

CONFIG = "configs/game_covers.py"
PLAIN = {"model.dropout": 0.0, "optimizer.weight_decay": 0.0} | {
    f"augment.{name}": 0.0
    for name in (
        "flip",
        "resized_crop",
        "rotate",
        "shear",
        "brightness",
        "contrast",
        "saturation",
        "erase",
    )
}
RESNET50 = {"model.name": "resnet50", "model.pretrained": "hub:timm/resnet50.tv_in1k"}
TIERS = {
    "finetune.last_stages": 3,
    "finetune.stage_lrs": (1e-4, 1e-5, 1e-6),
}  # head, fourth and third stage
GENTLE = {"loss.class_weights": "inverse_sqrt", "augment.label_smoothing": 0.1}
FULL = {**RESNET50, **TIERS, **GENTLE, "model.dropout": 0.5}
EFFICIENTNET = {
    "model.name": "efficientnetv2_s",
    "model.pretrained": "data/weights/efficientnetv2_s.safetensors",
    "model.dropout": 0.4,
    "finetune.last_stages": 3,
    "finetune.stage_lrs": (5e-4, 1e-5),
    **GENTLE,
}
VARIANTS = {
    "frozen": {**RESNET50, **PLAIN, "finetune.last_stages": 1, "finetune.stage_lrs": ()},
    "staged": {**RESNET50, **PLAIN, **TIERS, "loss.class_weights": "inverse"},
    "full": FULL,
    "full_efficientnet": EFFICIENTNET,
    "full_mixup": {**FULL, "augment.mixup": 0.2},
    "full_cutmix": {**FULL, "augment.cutmix": 1.0},
    "full_unfrozen": {**FULL, "finetune.unfreeze_epochs": (0.0, 3.0, 6.0)},
    "full_balanced": {**FULL, "loss.class_weights": "", "train.sampling": "balanced"},
}

SMOKE = {"finetune.unfreeze_epochs": ()}  # a smoke test is too short for unfreezing
REFERENCE = "full"
