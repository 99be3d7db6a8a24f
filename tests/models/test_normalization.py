"""Batch normalization equals Flax's own."""

import jax
import numpy as np
from flax import nnx

from gv_jax.models.normalization import BatchNorm


def random(seed, *shape):
    return jax.random.normal(jax.random.key(seed), shape)


def test_outputs_gradients_and_running_statistics_equal_flax():
    norm, flax_norm = BatchNorm(5), nnx.BatchNorm(5, momentum=0.9, epsilon=1e-5, rngs=nnx.Rngs(0))
    for layer in (norm, flax_norm):
        layer.scale[...] = random(7, 5)
        layer.bias[...] = random(8, 5)
    x = random(0, 4, 6, 7, 5) * 3.0 + 1.0
    g = random(1, *x.shape)
    for use_running_average in (False, True):
        results = []
        for layer in (norm, flax_norm):
            graph, params, rest = nnx.split(
                nnx.view(layer, use_running_average=use_running_average), nnx.Param, ...
            )

            def call(params, x, graph=graph, rest=rest):
                return nnx.merge(graph, params, rest, copy=True)(x)

            y, vjp = jax.vjp(call, params, x)
            grad_params, grad_x = vjp(g)
            results.append((y, grad_x, grad_params.scale[...], grad_params.bias[...]))
        for value, expected in zip(*results, strict=True):
            np.testing.assert_allclose(value, expected, atol=1e-4, rtol=1e-5)
    norm(x)
    flax_norm(x)
    np.testing.assert_allclose(norm.mean[...], flax_norm.mean[...], atol=1e-5)
    np.testing.assert_allclose(norm.var[...], flax_norm.var[...], rtol=1e-4)
