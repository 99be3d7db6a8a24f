"""How should a pretrained network be fitted to a few photos of minifigures: which trunk, and how much of it?

    python -m experiments.minifigures --config.data.path=DIR [--seeds 5] [--quick]

DIR is Kaggle's set; data/weights/ holds squeezenet1_1.safetensors and resnet18.safetensors in torchvision's names. Of
the ResNet-18 the last stage starts anew or is left out. The set has no test split: results are of the validation split,
by which nothing is chosen. `scratch` starts without weights; `net` is the published project's own small network.
The grid over learning rate and momentum: python -m gv_jax.search --space=momentum --method=grid, see the README.
"""

from gv_jax.ablation import QUICK, ablate

CONFIG = "configs/lego_minifigures.py"
SQUEEZENET = {"model.pretrained": "data/weights/squeezenet1_1.safetensors"}
RESNET18 = {"model.name": "resnet18", "model.pretrained": "data/weights/resnet18.safetensors"}
SHORT = {**RESNET18, "model.last_stage": "stage3"}  # up to the third stage, whose statistics are those of the file
SMALL = {"data.size": (128, 128)}
PROBE = {"probe.method": "ridge", "finetune.rates": (), "train.epochs": 1}
VARIANTS = {
    "squeezenet": SQUEEZENET,
    "squeezenet_thawed": {**SQUEEZENET, "finetune.thaw": (0.0, 10.0, 20.0)},
    "squeezenet_head_only": {**SQUEEZENET, "finetune.trained": 1},
    "squeezenet_probe": {**SQUEEZENET, **PROBE},
    "resnet18_short": {**SHORT, **SMALL, "finetune.fixed_statistics": True, "finetune.freeze": ("stem", "stage1")},
    "resnet18_probe": {**SHORT, **SMALL, **PROBE},
    "squeezenet_scratch": {"finetune.rates": (), "optimizer.learning_rate": 1e-3},
    "net_scratch": {"model.name": "shared_net", "data.size": (28, 28), "finetune.rates": ()},
}

REHEARSAL = {**QUICK, "finetune.thaw": ()}  # too short to thaw anything

if __name__ == "__main__":
    ablate(
        __file__,
        __doc__ or "",
        CONFIG,
        VARIANTS,
        reference="squeezenet",
        seeds=5,
        metric="valid.accuracy",
        quick=REHEARSAL,
    )
