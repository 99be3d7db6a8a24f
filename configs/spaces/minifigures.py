"""How much of a photo of one thing its middle is, and whether parts of other photos are pasted into it; for a grid."""

from gv_jax.search.space import Choice

SPACE = {
    "data.centre": Choice((0.8, 1.0)),
    "augment.cutmix": Choice((0.0, 0.5)),
}
