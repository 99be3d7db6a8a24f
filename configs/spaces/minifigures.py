"""How much of a photo its middle is, how small a crop may be, and whether parts of other photos are pasted in."""

from gv_jax.search.space import Choice

SPACE = {
    "data.centre": Choice((0.8, 1.0)),
    "augment.resized_crop": Choice((0.6, 0.3)),
    "augment.cutmix": Choice((0.0, 0.5)),
}
