"""Attention: Vaswani et al. 2017, "Attention is all you need", arXiv:1706.03762."""

import jax
from jax import Array

from gv_jax.models.ops.platform import choose_by_platform


def attend(q: Array, k: Array, v: Array) -> Array:
    """softmax(q k^T / sqrt(d)) v, each query over all keys, in the dtype of the operands.

    Args:
        q: queries [n t heads d].
        k: keys [n s heads d].
        v: values [n s heads d].

    Returns:
        [n t heads d].
    """
    return choose_by_platform(q, k, v, cpu=attend_by_head, default=jax.nn.dot_product_attention)


def attend_by_head(q: Array, k: Array, v: Array) -> Array:
    """`attend` with the heads before the tokens, so that products need no copies."""
    q, k, v = (x.swapaxes(1, 2) for x in (q, k, v))  # [n heads t d]
    scores = (q * q.shape[-1] ** -0.5) @ k.swapaxes(-1, -2)
    return (jax.nn.softmax(scores, -1) @ v).swapaxes(1, 2)
