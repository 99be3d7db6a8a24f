"""Does it help a classifier of cartoon characters to crop, denoise or enlarge the pictures first?

    python -m experiments.simpsons_preprocessing --config.data.path=DIR --config.data.super_resolution=RUN [--seeds 3]

The published comparison (five epochs of the two-layer CNN in batches of 100, at 255x342), and the same with a ResNet-18
trained for longer on smaller pictures. RUN is a finished run of configs/super_resolution.py. Pictures of the test set
that nearly stand in training too are taken out of training.
"""

from gv_jax.ablation import ablate

CONFIG = "configs/simpsons.py"
PREPROCESSINGS = ("vanilla", "crop", "denoise", "super_resolution")
RESNET = {
    "model.name": "resnet18",
    "data.size": (96, 128),
    "train.batch_size": 64,
    "train.epochs": 20,
    "optimizer.name": "adamw",
    "optimizer.schedule": "one_cycle",
    "optimizer.weight_decay": 0.05,
    "augment.flip": 0.5,
    "augment.pad_crop": 8,
    "augment.label_smoothing": 0.1,
}
VARIANTS = {
    **{name: {"data.preprocess": name, "data.drop_leaks": True} for name in PREPROCESSINGS},
    **{f"resnet18_{name}": {"data.preprocess": name, "data.drop_leaks": True, **RESNET} for name in PREPROCESSINGS},
}

if __name__ == "__main__":
    ablate(__file__, __doc__ or "", CONFIG, VARIANTS, reference="vanilla", seeds=3)
