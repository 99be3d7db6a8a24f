"""The same as simpsons_preprocessing with a deeper network: what do cropping, denoising and enlarging do for it?

    python -m experiments.simpsons_resnet18 --config.data.path=DIR --config.data.super_resolution=RUN [--seeds 3]

A ResNet-18 with one-cycle AdamW, shifts, mirror images and label smoothing at 96x128, where the two-layer CNN has five
plain epochs at 255x342. RUN and `leaky` as there; enlarged pictures are 192x256.
"""

from experiments.simpsons_preprocessing import CONFIG, VARIANTS
from gv_jax.ablation import ablate

RESNET = {
    "model.name": "resnet18",
    "data.size": (96, 128),
    "train.batch_size": 64,
    "train.epochs": 12,
    "optimizer.name": "adamw",
    "optimizer.schedule": "one_cycle",
    "optimizer.weight_decay": 0.05,
    "augment.flip": 0.5,
    "augment.pad_crop": 8,
    "augment.label_smoothing": 0.1,
}

if __name__ == "__main__":
    deeper = {name: {**overrides, **RESNET} for name, overrides in VARIANTS.items()}
    ablate(__file__, __doc__ or "", CONFIG, deeper, reference="vanilla", seeds=3)
