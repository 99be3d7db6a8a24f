"""Parts of training pictures."""

import jax
import jax.numpy as jnp
from jax import Array, random

from gv_jax.data.augment.augmentations import Augmentation
from gv_jax.errors import UserError


def random_crop(side: int) -> Augmentation:
    """Keeps a square of `side` pixels, anywhere in each picture."""

    def apply(key: Array, images: Array, targets: Array) -> tuple[Array, Array]:
        n, height, width = images.shape[:3]
        if side > min(height, width):
            raise UserError(
                f"config.augment.random_crop is {side}: it must not be above the sides of {height}x{width} pictures"
            )
        keys = random.split(key)
        pixels = jnp.arange(side).reshape(1, -1)
        rows = random.randint(keys[0], (n, 1), 0, height - side + 1) + pixels  # [n side]
        columns = random.randint(keys[1], (n, 1), 0, width - side + 1) + pixels
        return jax.vmap(lambda picture, y, x: picture[y][:, x])(images, rows, columns), targets

    return apply
