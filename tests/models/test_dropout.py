"""Dropout equals Flax's own."""

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from gv_jax.models.dropout import Dropout


@pytest.mark.parametrize("rate", [0.0, 0.3, 0.9])
def test_dropout_equals_flax(rate):
    dropout, flax_dropout = (kind(rate, rngs=nnx.Rngs(5)) for kind in (Dropout, nnx.Dropout))
    x = jnp.linspace(1.0, 2.0, 4000).reshape(40, 100)
    for _ in range(2):
        np.testing.assert_allclose(dropout(x), flax_dropout(x), rtol=1e-6)
    np.testing.assert_array_equal(nnx.view(dropout, deterministic=True)(x), x)
