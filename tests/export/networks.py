"""Networks with random weights, drawn by numpy: no compilation, and every array matters."""

from typing import Any

import jax
import numpy as np
from flax import nnx

from gv_jax import models
from gv_jax.training.step import SplitModule

SIDES = {"inception_v3": 80, "two_layer": 28, "shared_net": 28}  # of classifiers; 32 otherwise


def random_network(
    name: str, inputs: int, classes: int = 3, **options: Any
) -> tuple[SplitModule, tuple[Any, Any]]:
    """The network and its weights (params, batch_stats)."""
    size = (classifier_side(name),) * 2

    def build() -> nnx.Module:
        return models.build(
            name, inputs=inputs, classes=classes, size=size, rngs=nnx.Rngs(0), **options
        )

    network = SplitModule.from_module(nnx.eval_shape(build))
    rng = np.random.default_rng(0)
    # He's gain after a ReLU; after a SiLU, activations would grow until rounding errors decide
    gain = 1 if name == "efficientnetv2_s" else 2

    def draw(path: tuple[Any, ...], leaf: Any) -> np.ndarray:
        kind, shape = path[-1].key, leaf.shape
        if kind == "kernel":
            return rng.normal(0, np.sqrt(gain / np.prod(shape[:-1])), shape).astype(np.float32)
        if kind in ("scale", "var"):
            return rng.uniform(0.8, 1.2, shape).astype(np.float32)
        return rng.normal(0, 0.1, shape).astype(np.float32)

    weights = network.params, network.batch_stats
    return network, jax.tree.map_with_path(draw, weights)


def classifier_side(name: str) -> int:
    """Side of the square images of a classifier, in pixels."""
    return SIDES.get(name, 32)
