"""Images of noise in which a marker in a random corner determines the class, and a network."""

from collections.abc import Callable
from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax import Array

from gv_jax.inference.explain.score import Score, make_score
from gv_jax.models.layers import Conv, Linear
from gv_jax.models.ops.pooling import max_pool
from gv_jax.tasks.classification import Classification
from gv_jax.training.step import SplitModule, Tree

SIDE, MARKER, MARGIN = 24, 6, 2  # pixels
COLORS = ((255, 40, 40), (40, 255, 40), (40, 40, 255))  # by class; one more class has no marker
NUM_CLASSES = len(COLORS) + 1
TASK = Classification(NUM_CLASSES, (0.5,), (0.25,))


class TinyCNN(nnx.Module):
    """Two convolutions, the mean over pixels, a linear layer."""

    def __init__(self, rngs: nnx.Rngs):
        self.conv1 = Conv(3, 8, 3, use_bias=True, rngs=rngs)
        self.conv2 = Conv(8, 16, 3, use_bias=True, rngs=rngs)
        self.head = Linear(16, NUM_CLASSES, rngs=rngs)

    def features(self, x: Array) -> dict[str, Array]:
        first = nnx.relu(self.conv1(x))
        return {"conv1": first, "conv2": nnx.relu(self.conv2(max_pool(first, 2, 2)))}

    def __call__(self, x: Array) -> Array:
        return self.head(self.features(x)["conv2"].mean((1, 2)))


def draw_markers(
    count: int, seed: int, num_classes: int = len(COLORS)
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images uint8 [n h w 3], their classes [n], and which pixels the marker covers [n h w]."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, SIDE, SIDE, 3), np.uint8)
    labels = rng.integers(0, num_classes, count)
    inside = np.zeros((count, SIDE, SIDE), bool)
    corners = rng.integers(0, 2, (count, 2)) * (SIDE - MARKER - MARGIN)
    for index, (top, left) in enumerate(corners + rng.integers(0, MARGIN + 1, (count, 2))):
        if labels[index] < len(COLORS):
            inside[index, top : top + MARKER, left : left + MARKER] = True
            images[index][inside[index]] = COLORS[labels[index]]
    return images, labels, inside


def train_network(steps: int) -> TinyCNN:
    """A network that predicts the classes of such images."""
    model = TinyCNN(nnx.Rngs(0))
    optimizer = nnx.Optimizer(model, optax.adam(1e-2), wrt=nnx.Param)

    @nnx.jit
    def train(model: TinyCNN, optimizer: nnx.Optimizer, images: Array, labels: Array) -> Array:
        def loss(model: TinyCNN) -> Array:
            logits = model((images.astype(jnp.float32) / 255 - 0.5) / 0.25)
            return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

        value, gradients = nnx.value_and_grad(loss)(model)
        optimizer.update(model, gradients)
        return value

    for step in range(steps):
        images, labels, _ = draw_markers(32, 1000 + step, NUM_CLASSES)
        train(model, optimizer, images, labels)
    return model


def score_of(model: nnx.Module, label: Array | int) -> Score:
    """The function that explanations of a class are of."""
    network = SplitModule.from_module(model)
    weights = (network.params, network.batch_stats)
    return make_score(network, TASK, weights, label, dtype=jnp.float32)


@cache
def compile_method(method: Callable[..., Array], layer: str) -> Callable[..., Array]:
    """(params, batch_stats, image, class) -> map, for all weights of the network."""
    network = SplitModule.from_module(TinyCNN(nnx.Rngs(0)))
    make_map = partial(method, layer=layer) if layer else method

    @jax.jit
    def call(params: Tree, batch_stats: Tree, image: Array, label: Array) -> Array:
        score = make_score(network, TASK, (params, batch_stats), label, dtype=jnp.float32)
        return make_map(score, image.astype(jnp.float32))

    return call


def map_all(
    method: Callable[..., Array],
    model: nnx.Module,
    images: np.ndarray,
    labels: np.ndarray,
    layer: str = "",
) -> np.ndarray:
    """The maps [n h' w'] of a method for the class of each image; `layer` if the method has one."""
    call, network = compile_method(method, layer), SplitModule.from_module(model)
    weights = (network.params, network.batch_stats)
    return np.stack([call(*weights, *example) for example in zip(images, labels, strict=True)])
