"""Distinct colors of images."""

import numpy as np

from gv_jax.evaluation.generation.pixels import ALPHA


def count_colors(images: np.ndarray) -> np.ndarray:
    """The number of distinct colors of every uint8 image [n h w c]: int [n].

    All transparent pixels have one color. The same color under two alphas counts as two.
    """
    weights = 256 ** np.arange(images.shape[-1], dtype=np.uint32)
    codes = (images * weights).sum(-1, dtype=np.uint32)
    if images.shape[-1] > ALPHA:
        codes = np.where(images[..., ALPHA] > 0, codes, 0)
    codes = np.sort(codes.reshape(len(images), -1), axis=1)
    return (np.diff(codes, axis=1) > 0).sum(1) + 1
