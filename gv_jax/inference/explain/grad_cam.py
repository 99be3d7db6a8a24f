"""Grad-CAM: Selvaraju et al. 2017, "Grad-CAM: visual explanations from deep networks via
gradient-based localization", arXiv:1610.02391.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array
from jax.extend.core import ClosedJaxpr, jaxpr_as_fun

from gv_jax.inference.explain.score import Score


def grad_cam(score: Score, image: Array, layer: str) -> Array:
    """relu(sum_k a_k A_k), a_k the mean over pixels of the gradient of the logit in map A_k; eq. 2.

    Args:
        score: Images -> logits of the class and feature maps.
        image: float32 [h w c] in [0, 255].
        layer: Name of the feature maps A, [1 h' w' f].

    Returns:
        The map [h' w'], at least 0.
    """
    maps, gradients = map_gradients(score, image[None], layer)
    weights = gradients.mean((0, 1, 2))  # [f]
    return jax.nn.relu((maps[0] * weights).sum(-1))


def map_gradients(score: Score, images: Array, layer: str) -> tuple[Array, Array]:
    """The feature maps of a layer, and the gradients of the logits in them; float32 [n h w f]."""

    def call(x: Array) -> tuple[Array, Array]:
        scores, maps = score(x)
        return scores.sum(), maps[layer]

    program = jax.make_jaxpr(call)(images)
    maps = jaxpr_as_fun(program)(images)[1]
    gradients = jax.grad(cut_at_last_output(program))(maps, images)
    return maps.astype(jnp.float32), gradients.astype(jnp.float32)


def cut_at_last_output(program: ClosedJaxpr) -> Callable[..., Array]:
    """A program without the equation that computes its last output, which it takes instead.

    Networks compute later feature maps from earlier ones, and have no call that starts there.

    Args:
        program: Inputs -> (result, value), the result a function of the value.

    Returns:
        (value, inputs) -> result.
    """
    jaxpr = program.jaxpr
    result, value = jaxpr.outvars
    equations = [equation for equation in jaxpr.eqns if value not in equation.outvars]
    assert len(equations) == len(jaxpr.eqns) - 1, "a feature map is computed once"
    names = jaxpr.debug_info._replace(arg_names=None, result_paths=None)
    cut = jaxpr.replace(
        invars=[value, *jaxpr.invars], outvars=[result], eqns=equations, debug_info=names
    )
    return lambda *inputs: jaxpr_as_fun(ClosedJaxpr(cut, program.consts))(*inputs)[0]
