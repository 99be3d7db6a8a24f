"""The same as simpsons_preprocessing with a deeper network: what do cropping, denoising and enlarging do for it?

    python -m experiments.simpsons_resnet18 --config.data.path=DIR --config.data.super_resolution=RUN [--seeds 3]

A ResNet-18 with one-cycle AdamW, shifts, mirror images and label smoothing at 72x96, where the two-layer CNN has five
plain epochs at 255x342. RUN as there; enlarged pictures are 144x192, as are those of `vanilla_large`, which keep what
the stills have at that size: is it the network that enlarges, or the size? `leaky` is vanilla without leaving out of
training what nearly stands in the test set.
"""

from experiments import simpsons_preprocessing as shallow
from gv_jax.ablation import ablate

CONFIG = shallow.CONFIG
RESNET = {
    "model.name": "resnet18",
    "data.size": (72, 96),
    "train.batch_size": 64,
    "train.epochs": 12,
    "optimizer.name": "adamw",
    "optimizer.learning_rate": 1e-3,
    "optimizer.schedule": "one_cycle",
    "optimizer.weight_decay": 0.05,
    "augment.flip": 0.5,
    "augment.pad_crop": 8,
    "augment.label_smoothing": 0.1,
}
VARIANTS = {
    **{name: {**overrides, **RESNET} for name, overrides in shallow.VARIANTS.items()},
    "vanilla_large": {**RESNET, "data.drop_leaks": True, "data.size": (144, 192)},
    "leaky": RESNET,
}

if __name__ == "__main__":
    ablate(__file__, __doc__ or "", CONFIG, VARIANTS, reference="vanilla", seeds=3)
