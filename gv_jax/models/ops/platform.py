"""The platform that a program is traced for.

Some operations have another formulation for XLA's CPU backend. A program for this process chooses
one when it is lowered (`choose_by_platform`). A program that leaves this process, such as an
exported model, is traced under `plain_operations`: it has one formulation, XLA's own operations,
and no choice depends on sizes, which may be symbolic there.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

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
    *operands: Array, cpu: Callable[..., Any], default: Callable[..., Any]
) -> Any:
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


Product = Callable[[Array, Array], Array]


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def choose_product(cpu: Product, default: Product, x: Array, kernel: Array) -> Array:
    """`choose_by_platform` for functions that are linear in `x` and linear in `kernel`.

    Their gradients are chosen when the program is lowered too: those of `default` are JAX's own.
    """
    return choose_by_platform(x, kernel, cpu=cpu, default=default)


def _product_forward(cpu: Product, default: Product, x: Array, kernel: Array):
    return choose_product(cpu, default, x, kernel), (x, kernel)


def _product_backward(
    cpu: Product, default: Product, saved: tuple[Array, Array], g: Array
) -> tuple[Array, Array]:
    return choose_by_platform(
        *saved, g, cpu=partial(product_gradients, cpu), default=partial(product_gradients, default)
    )


choose_product.defvjp(_product_forward, _product_backward)


def product_gradients(product: Product, x: Array, kernel: Array, g: Array) -> tuple[Array, Array]:
    """The gradients of product(x, kernel) in both, for the gradient `g` of the result."""
    _, pull_back = jax.vjp(product, x, kernel)  # a program computes only what the gradients need
    return pull_back(g)
