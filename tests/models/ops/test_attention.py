"""Both formulations of attention equal its definition, computed by NumPy in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export

from gv_jax.models.ops.attention import attend, attend_at_once, attend_by_image
from gv_jax.models.ops.platform import plain_operations

FUNCTIONS = (attend_by_image, attend_at_once, attend)


def define_attention(qkv):
    """[n t h d] by the formula, in float64."""
    q, k, v = np.moveaxis(np.asarray(qkv, np.float64), 2, 0)
    weights = np.exp(np.einsum("nthd,nshd->nhts", q, k) / np.sqrt(q.shape[-1]))
    return np.einsum("nhts,nshd->nthd", weights / weights.sum(-1, keepdims=True), v)


def draw(*shape):
    return np.random.default_rng(len(shape)).normal(0, 1.5, shape)


QKV = draw(3, 5, 3, 2, 4)  # 3 images, 5 tokens, 2 heads


@pytest.mark.parametrize("function", FUNCTIONS)
def test_values_are_those_of_the_definition(function):
    outputs = jax.jit(function)(QKV.astype(np.float32))
    assert (outputs.shape, outputs.dtype) == ((3, 5, 2, 4), jnp.float32)
    np.testing.assert_allclose(outputs, define_attention(QKV), atol=1e-5)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_gradients_are_those_of_finite_differences(function):
    factors = draw(3, 5, 2, 4)
    gradient = jax.jit(jax.grad(lambda x: (function(x) * factors.astype(np.float32)).sum()))(
        QKV.astype(np.float32)
    )
    step = 1e-6
    expected = np.zeros_like(QKV)
    for index in np.ndindex(QKV[0].shape):  # images do not depend on each other
        change = np.zeros_like(QKV)
        change[:, *index] = step
        moved = define_attention(QKV + change) - define_attention(QKV - change)
        expected[:, *index] = (moved * factors).sum((1, 2, 3)) / (2 * step)
    np.testing.assert_allclose(gradient, expected, atol=2e-5)


def test_large_scores_do_not_overflow():
    value, gradient = jax.value_and_grad(lambda x: attend(x).sum())(100 * QKV.astype(np.float32))
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


def test_bfloat16_is_kept_and_close():
    qkv = jnp.asarray(QKV, jnp.bfloat16)
    outputs = attend(qkv)
    gradient = jax.grad(lambda x: attend(x).astype(jnp.float32).sum())(qkv)
    assert outputs.dtype == gradient.dtype == jnp.bfloat16
    np.testing.assert_allclose(np.asarray(outputs, np.float64), define_attention(qkv), atol=0.05)


@pytest.mark.parametrize("platform", ["cuda", "tpu"])
def test_other_platforms_and_exports_have_the_plain_operation(platform):
    shape = jax.ShapeDtypeStruct(QKV.shape, np.float32)

    def lower(platform):
        return export.export(jax.jit(attend), platforms=[platform])(shape).mlir_module()

    assert "while" in lower("cpu")
    assert "while" not in lower(platform)
    with plain_operations():
        assert "while" not in lower("cpu")
