"""Layers: the dtype of their outputs, and the order of channels in a pixel shuffle."""

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from gv_jax.models.layers import Conv, Linear, pixel_shuffle


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
def test_convolutions_keep_the_dtype_and_linear_layers_compute_in_float32(dtype):
    x = jnp.ones((1, 4, 4, 3), dtype)
    assert Conv(3, 4, 3, use_bias=True, rngs=nnx.Rngs(0))(x).dtype == dtype
    assert Linear(3, 4, rngs=nnx.Rngs(0))(x).dtype == jnp.float32


def test_pixel_shuffle_equals_torch():
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 12)).astype(np.float32)
    expected = torch.pixel_shuffle(torch.from_numpy(x.transpose(0, 3, 1, 2)), 2).numpy()
    np.testing.assert_array_equal(pixel_shuffle(jnp.asarray(x), 2), expected.transpose(0, 2, 3, 1))
