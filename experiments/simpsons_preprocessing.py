"""Does cropping, denoising or upscaling the images first help to classify cartoon characters?

    gv-jax ablate experiments/simpsons_preprocessing.py --config.data.path=DIR \\
        --config.data.super_resolution=RUN

The published comparison: five epochs of the two-layer CNN in batches of 100, at 255x342. RUN is a
finished run of configs/super_resolution.py, which doubles height and width. Training images with a
near-duplicate in the test split are dropped.
"""

CONFIG = "configs/simpsons.py"
PREPROCESSINGS = ("none", "crop", "denoise", "super_resolution")
VARIANTS = {name: {"data.preprocess": name, "data.drop_leaks": True} for name in PREPROCESSINGS}
REFERENCE = "none"
