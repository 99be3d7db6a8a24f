"""Pictures brought to the mean and deviation that a network expects."""

import jax
import jax.numpy as jnp


def standardize(images: jax.Array, mean: tuple[float, ...], std: tuple[float, ...]) -> jax.Array:
    """Pictures [n h w c] less `mean`, over `std`: one number per channel, or one for all."""
    less, over = (jnp.asarray(value, jnp.float32).reshape(1, 1, 1, -1) for value in (mean, std))
    return (images - less) / over
