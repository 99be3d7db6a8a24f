"""Batch normalisation against Flax's own."""

import jax
import numpy as np
from flax import nnx

from gv_jax.models.normalization import batch_norm


def random(seed, *shape):
    return jax.random.normal(jax.random.key(seed), shape)


def test_batch_norm_is_flax_nnxs_in_training_and_evaluation():
    ours, theirs = batch_norm(5), nnx.BatchNorm(5, momentum=0.9, epsilon=1e-5, rngs=nnx.Rngs(0))
    for layer in (ours, theirs):
        layer.scale[...] = random(7, 5)
        layer.bias[...] = random(8, 5)
    x = random(0, 4, 6, 7, 5) * 3.0 + 1.0
    g = random(1, *x.shape)
    for view in (False, True):
        results = []
        for layer in (ours, theirs):
            graph, params, rest = nnx.split(
                nnx.view(layer, use_running_average=view), nnx.Param, ...
            )

            def call(params, x, graph=graph, rest=rest):
                return nnx.merge(graph, params, rest, copy=True)(x)

            y, pull = jax.vjp(call, params, x)
            grad_params, grad_x = pull(g)
            results.append((y, grad_x, grad_params.scale[...], grad_params.bias[...]))
        for one, other in zip(*results, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-4, rtol=1e-5)
    ours(x)
    theirs(x)
    np.testing.assert_allclose(ours.mean[...], theirs.mean[...], atol=1e-5)
    np.testing.assert_allclose(ours.var[...], theirs.var[...], rtol=1e-4)
