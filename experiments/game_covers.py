"""How should a pretrained network be fitted to game covers, whose genres are of different sizes and hard to see?

    python -m experiments.game_covers --config.data.path=DIR [--seeds 3] [--quick]

The four steps of the published project (the majority class, which is the floor of the table; a frozen trunk; two stages
unfrozen with weights of 1/n; the full recipe), each on top of ImageNet weights, and what came later: mixup, cutmix,
gradual unfreezing, balanced batches. Those of ResNet-50 are fetched from the hub once; those of EfficientNetV2-S, in
torchvision's names, are looked for in data/weights/. All genres of a cover instead of the first:
python -m gv_jax.main --config=configs/game_covers.py --config.task=multi_label.
"""

from gv_jax.ablation import QUICK, ablate

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
    "frozen": {**RESNET50, **PLAIN, "finetune.last_stages": 1},
    "staged": {**RESNET50, **PLAIN, **TIERS, "loss.class_weights": "inverse"},
    "full": FULL,
    "full_efficientnet": EFFICIENTNET,
    "full_mixup": {**FULL, "augment.mixup": 0.2},
    "full_cutmix": {**FULL, "augment.cutmix": 1.0},
    "full_thawed": {**FULL, "finetune.unfreeze_epochs": (0.0, 3.0, 6.0)},
    "full_balanced": {**FULL, "loss.class_weights": "", "train.sampling": "balanced"},
}

REHEARSAL = {**QUICK, "finetune.unfreeze_epochs": ()}  # too short to unfreeze_epochs anything

if __name__ == "__main__":
    ablate(__file__, __doc__ or "", CONFIG, VARIANTS, reference="full", seeds=3, quick=REHEARSAL)
