"""Traced for other processes, a program has XLA's own operations and may have symbolic sizes."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from gv_jax import models
from gv_jax.models.ops.convolution import convolve
from gv_jax.models.ops.depthwise import depthwise_conv
from gv_jax.models.ops.platform import is_plain, plain_operations
from gv_jax.models.ops.pooling import avg_pool, max_pool
from gv_jax.models.ops.xla_cpu import materialize, sum_pixels
from gv_jax.training.step import SplitModule, make_predict

CPU_ONLY = ("platform_index", "custom_vjp", "optimization_barrier", "dot_general", "while")
KERNEL = np.random.default_rng(0).normal(size=(3, 3, 4, 5)).astype(np.float32)
LARGE_KERNEL = np.random.default_rng(0).normal(size=(7, 7, 4, 5)).astype(np.float32)
BIAS = np.arange(5, dtype=np.float32)

OPERATIONS = {
    "1x1": lambda x: convolve(x, jnp.asarray(KERNEL[:1, :1]), jnp.asarray(BIAS), 2),
    "whole map": lambda x: convolve(x[:, :3, :3], jnp.asarray(KERNEL), jnp.asarray(BIAS)),
    "small map": lambda x: convolve(x[:, :2, :2], jnp.asarray(KERNEL), None, 1, 1),
    "fft": lambda x: convolve(x, jnp.asarray(LARGE_KERNEL), None, 1, 3),
    "depthwise": lambda x: depthwise_conv(x, jnp.asarray(KERNEL[:, :, :1, :4]), 2, 1),
    "max": lambda x: max_pool(x, 3, 2, 1, 0.0, ceil=True),
    "overlapping max": lambda x: max_pool(x, 3, 1, 1),
    "mean": lambda x: avg_pool(x, 3, 1, 1),
    "materialize": materialize,
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_are_the_plain_ones_and_equal(name):
    operation = OPERATIONS[name]
    x = np.random.default_rng(1).normal(size=(2, 9, 9, 4)).astype(np.float32)
    with plain_operations():
        (batch,) = jax.export.symbolic_shape("b")
        text = str(jax.make_jaxpr(operation)(jax.ShapeDtypeStruct((batch, 9, 9, 4), x.dtype)))
        plain = jax.jit(operation)(x)
    assert not [word for word in CPU_ONLY if word in text]
    np.testing.assert_allclose(plain, jax.jit(operation)(x), rtol=1e-5, atol=1e-5)


def test_a_compiled_function_is_traced_again_in_the_context():
    traced = []

    @jax.jit
    def function(x):
        traced.append(is_plain())
        return sum_pixels(x)

    x = jnp.ones((1, 2, 2, 1))
    function(x)
    with plain_operations():
        function(x)
    function(x)
    assert traced == [False, True]


@pytest.mark.parametrize("name", ["alpha", "unet", "ninasr_b0"])
@pytest.mark.parametrize("size", [(19, 33), (32, 16)])
def test_models_of_images_take_symbolic_sides(name, size):
    inputs = 3 if name in models.UPSCALERS else 1
    network = SplitModule.from_module(
        models.build(name, inputs=inputs, classes=2, rngs=nnx.Rngs(0))
    )
    predict = make_predict(network)

    def apply(x):
        return predict(network.params, network.batch_stats, x)

    with plain_operations():
        shape = jax.export.symbolic_shape(f"b, h, w, {inputs}")
        exported = jax.export.export(jax.jit(apply))(jax.ShapeDtypeStruct(shape, jnp.float32))
    x = np.random.default_rng(0).normal(size=(2, *size, inputs)).astype(np.float32)
    np.testing.assert_allclose(exported.call(x), jax.jit(apply)(x), rtol=1e-4, atol=1e-4)


def test_networks_choose_by_platform_in_one_place():
    package = Path(models.__file__).parents[1]
    places = {
        file.relative_to(package).as_posix()
        for file in package.rglob("*.py")
        if "platform_dependent(" in file.read_text("utf-8")
    }
    # the barrier is part of augmentation, which no exported program has
    assert places == {"models/ops/platform.py", "data/augment/barrier.py"}
