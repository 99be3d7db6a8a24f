"""What do cropping, denoising and upscaling contribute with a deeper model than the published one?

    gv-jax ablate experiments/simpsons_resnet18.py --config.data.path=DIR \\
        --config.data.super_resolution=RUN

ResNet-18 with one-cycle AdamW, shifts, flips and label smoothing at 72x96. RUN as in
simpsons_preprocessing.py; upscaled images have 144x192, as have those of `large` without the
upscaler: is the gain due to the network or to the size? `leaky` keeps training images with a
near-duplicate in the test split.
"""

CONFIG = "configs/simpsons.py"
PREPROCESSINGS = ("none", "crop", "denoise", "super_resolution")
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
    **{
        name: {**RESNET, "data.preprocess": name, "data.drop_leaks": True}
        for name in PREPROCESSINGS
    },
    "large": {**RESNET, "data.drop_leaks": True, "data.size": (144, 192)},
    "leaky": RESNET,
}
REFERENCE = "none"
