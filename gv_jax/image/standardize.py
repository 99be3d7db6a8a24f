"""Standardization of network inputs."""

import jax
import jax.numpy as jnp


def standardize(images: jax.Array, mean: tuple[float, ...], std: tuple[float, ...]) -> jax.Array:
    """Computes (images - mean) / std for images [n h w c].

    Args:
        images: Float images [n h w c].
        mean: One number, or one per channel.
        std: One number, or one per channel.
    """
    offset, scale = (jnp.asarray(value, jnp.float32).reshape(1, 1, 1, -1) for value in (mean, std))
    return (images - offset) / scale
