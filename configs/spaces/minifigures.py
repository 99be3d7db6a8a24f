"""Center crop, minimum area of random crops, and CutMix for photos of minifigures."""

from gv_jax.search.space import Categorical

SPACE = {
    "data.crop_pct": Categorical((0.8, 1.0)),
    "augment.resized_crop": Categorical((0.6, 0.3)),
    "augment.cutmix": Categorical((0.0, 0.5)),
}
