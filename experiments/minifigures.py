"""How should a pretrained network be fitted to a few photos of minifigures?

    gv-jax ablate experiments/minifigures.py --config.data.path=DIR

DIR is Kaggle's set; data/weights/ holds squeezenet1_1.safetensors and resnet18.safetensors in
torchvision's names; of the latter the last stage is not used. `probe` fits the classifier only,
`upper` freezes the stem and the first stage, `scratch` starts from random weights, `net` is the
published project's own network at its native size. The set has no test split: results are of the
validation split, which selects nothing (64 of its images are evaluated per epoch, for the curves).
The recipe was chosen by cross-validation:
gv-jax search --space=minifigures --method=grid --folds=3, and over learning rate and momentum:
--space=momentum.
"""

CONFIG = "configs/lego_minifigures.py"
SMALL = {"data.size": (128, 128)}
LOWER = {"finetune.freeze": ("stem", "stage1")}
PROBE = {"probe.method": "ridge", "finetune.stage_lrs": (), "train.epochs": 1}
SQUEEZENET = {"model.pretrained": "data/weights/squeezenet1_1.safetensors"}
RESNET18 = {
    "model.name": "resnet18",
    "model.pretrained": "data/weights/resnet18.safetensors",
    "model.last_stage": "stage3",  # the file has no fourth stage
    **SMALL,
}
VARIANTS = {
    name: {**overrides, "train.valid_batches": 4}
    for name, overrides in {
        "squeezenet": SQUEEZENET,
        "squeezenet_upper": {**SQUEEZENET, **LOWER},
        "squeezenet_probe": {**SQUEEZENET, **PROBE},
        "resnet18_upper": {**RESNET18, **LOWER, "finetune.freeze_bn": True, "train.epochs": 30},
        "resnet18_probe": {**RESNET18, **PROBE},
        "squeezenet_scratch": SMALL,
        "net_scratch": {
            "model.name": "shared_net",
            "data.size": (28, 28),
            "optimizer.learning_rate": 3e-3,
        },
    }.items()
}
REFERENCE = "squeezenet"
SEEDS = 5
METRIC = "valid.accuracy"
