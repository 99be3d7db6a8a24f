"""How should a pretrained network be fitted to a few photos of minifigures: which trunk, and how much of it?

    python -m experiments.minifigures --config.data.path=DIR [--seeds 5] [--quick]

DIR is Kaggle's set; data/weights/ holds squeezenet1_1.safetensors and resnet18.safetensors in torchvision's names, of
which the last stage is left out. A probe finds a new head alone; `upper` leaves the stem and the first stage as they
are; `scratch` starts without weights; `net` is the published project's own small network at the size that it is made
for. The set has no test split: results are of the validation split, by which nothing is chosen (after an epoch 64 of
its pictures are looked at, for the curves). What the config states was chosen by cross-validation:
python -m gv_jax.search --space=minifigures --method=grid --folds=3. Over learning rate and momentum: --space=momentum.
"""

from gv_jax.ablation import ablate

CONFIG = "configs/lego_minifigures.py"
SMALL = {"data.size": (128, 128)}
LOWER = {"finetune.freeze": ("stem", "stage1")}
PROBE = {"probe.method": "ridge", "finetune.stage_lrs": (), "train.epochs": 1}
SQUEEZENET = {"model.pretrained": "data/weights/squeezenet1_1.safetensors"}
RESNET18 = {
    "model.name": "resnet18",
    "model.pretrained": "data/weights/resnet18.safetensors",
    "model.last_stage": "stage3",  # up to the third stage, whose statistics are those of the file
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
        "squeezenet_scratch": {**SMALL, "finetune.stage_lrs": (), "optimizer.learning_rate": 1e-3},
        "net_scratch": {
            "model.name": "shared_net",
            "data.size": (28, 28),
            "finetune.stage_lrs": (),
        },
    }.items()
}

if __name__ == "__main__":
    ablate(
        __file__,
        __doc__ or "",
        CONFIG,
        VARIANTS,
        reference="squeezenet",
        seeds=5,
        metric="valid.accuracy",
    )
