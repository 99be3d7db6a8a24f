"""Feature maps of a network against its layers."""

import jax.numpy as jnp
import numpy as np
from flax import nnx

from gv_jax.models import build
from gv_jax.tasks.classification import Classification
from gv_jax.training.features import make_feature_maps
from gv_jax.training.step import SplitModule


def test_feature_maps_are_outputs_of_the_first_convolutions():
    model = build("two_layer", inputs=3, classes=4, size=(8, 8), rngs=nnx.Rngs(0))
    network, task = SplitModule.from_module(model), Classification(4, (0.5,), (0.25,))
    batch = {"image": jnp.full((2, 8, 8, 3), 51, jnp.uint8), "label": jnp.zeros(2, jnp.int32)}
    maps = make_feature_maps(network, task)(network.params, network.batch_stats, batch)
    shapes = {name: outputs.shape for name, outputs in maps.items()}
    assert shapes == {"conv1": (2, 8, 8, 16), "conv2": (2, 4, 4, 32)}
    expected = model.conv1(jnp.full((2, 8, 8, 3), (0.2 - 0.5) / 0.25))
    np.testing.assert_allclose(maps["conv1"], expected, atol=1e-5)
