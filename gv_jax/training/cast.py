"""Dtypes of weights and of network inputs: what a network computes in."""

from typing import Any

import jax
import jax.numpy as jnp

Tree = Any  # nested dicts or tuples of arrays


def cast_floats(tree: Tree, dtype: Any) -> Tree:
    """`tree` with its floating-point arrays in `dtype`."""
    return jax.tree.map(
        lambda a: a.astype(dtype) if jnp.issubdtype(a.dtype, jnp.floating) else a, tree
    )


def cast_images(inputs: Tree, dtype: Any) -> Tree:
    """Network inputs with their images [n h w c] in `dtype`; numbers per image stay as they are."""
    return jax.tree.map(lambda a: a.astype(dtype) if a.ndim > 1 else a, inputs)
