"""Random batches and compiled augmentations for the tests of augmentations."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np

from gv_jax.data.augment.augmentations import AUGMENTATIONS

STRENGTHS = dict.fromkeys(AUGMENTATIONS, 0.5) | {
    "pad_crop": 2,
    "rotate": 25.0,
    "shear": 20.0,
    "erase": 0.9,
}


def noise(*shape):
    return jnp.asarray(np.random.default_rng(0).random(shape, np.float32))


def make_batch(n=16, height=10, width=12, channels=3):
    """Noise, and one-hot targets of the index in the batch."""
    return noise(n, height, width, channels), jnp.eye(n)


@cache
def compile_augmentation(name, strength):
    return jax.jit(AUGMENTATIONS[name](strength))


def augment(name, images, targets, strength=None, seed=0):
    apply = compile_augmentation(name, STRENGTHS[name] if strength is None else strength)
    return apply(jax.random.key(seed), images, targets)
