"""Does it help a classifier of cartoon characters to crop, denoise or enlarge the pictures first?

    python -m experiments.simpsons_preprocessing --config.data.path=DIR --config.data.super_resolution=RUN [--seeds 3]

The published comparison: five epochs of the two-layer CNN in batches of 100, at 255x342. RUN is a finished run of
configs/super_resolution.py; its pictures are twice as high and wide. What nearly stands in the test set too is taken
out of training.
"""

from gv_jax.ablation import ablate

CONFIG = "configs/simpsons.py"
PREPROCESSINGS = ("vanilla", "crop", "denoise", "super_resolution")
VARIANTS = {name: {"data.preprocess": name, "data.drop_leaks": True} for name in PREPROCESSINGS}

if __name__ == "__main__":
    ablate(__file__, __doc__ or "", CONFIG, VARIANTS, reference="vanilla", seeds=3)
