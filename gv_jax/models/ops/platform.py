"""The platform that a program is traced for.

Some operations have another formulation for XLA's CPU backend. A program for this process chooses
one when it is lowered (`choose_by_platform`). A program that leaves this process, such as an
exported model, is traced under `plain_operations`: it has one formulation, XLA's own operations,
and no choice depends on sizes, which may be symbolic there.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager

import jax
from jax import Array, lax

# Part of the key of JAX's caches, so a function traced in one way is traced again in the other.
_plain = jax.make_user_context(default_value=False)


def plain_operations() -> AbstractContextManager[None]:
    """Inside it, functions are traced with XLA's own operations for every platform."""
    return _plain(True)


def is_plain() -> bool:
    """Whether this is inside of `plain_operations`."""
    return _plain.value


def choose_by_platform(
    *operands: Array, cpu: Callable[..., Array], default: Callable[..., Array]
) -> Array:
    """Applies `cpu` where the program is lowered for a CPU, else `default`.

    Inside of `plain_operations` it applies `default`.

    Args:
        *operands: arguments of both.
        cpu: the formulation for XLA's CPU backend.
        default: the plain operation.
    """
    if is_plain():
        return default(*operands)
    return lax.platform_dependent(*operands, cpu=cpu, default=default)
