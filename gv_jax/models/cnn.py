"""Plain convolutional networks of the published projects: textures, cartoon characters, minifigures."""

from flax import nnx
from jax import Array

from gv_jax.errors import UserError
from gv_jax.models.dropout import Dropout
from gv_jax.models.layers import Layer, conv, dense, flatten, global_pool, max_pool, relu
from gv_jax.models.normalization import norm


class Head(nnx.Module):
    """features -> 128 -> 64 -> classes with ReLU and dropout between; shared by Baseline and Sequential."""


class Baseline(nnx.Module):
    """Two unpadded 7x7 convolutions, each with max-pooling, then three linear layers with dropout.

    The texture project's baseline; 296,463 parameters for 15 classes of 32x32 pictures with 4 channels.
    """

    def __init__(
        self, *, inputs: int, classes: int, size: tuple[int, int] = (32, 32), dropout: float = 0.5, rngs: nnx.Rngs
    ):
        self.conv1 = conv(inputs, 64, 7, padding=0, bias=True, rngs=rngs)
        self.conv2 = conv(64, 64, 7, padding=0, bias=True, rngs=rngs)
        self.pool = Layer(max_pool, size=2, floor=0)
        self.flatten = Layer(flatten)
        h, w = (after(after(side, 7, 0), 7, 0) for side in size)
        self.dense1 = dense(64 * h * w, 128, rngs=rngs)
        self.dropout1 = Dropout(dropout, rngs=rngs)
        self.dense2 = dense(128, 64, rngs=rngs)
        self.dropout2 = Dropout(dropout, rngs=rngs)
        self.head = dense(64, classes, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        x = self.pool(self.conv1(x))
        x = self.pool(self.conv2(x))
        x = self.flatten(x)
        x = self.dropout1(relu(self.dense1(x)))
        x = self.dropout2(relu(self.dense2(x)))
        return self.head(x)


class Sequential(nnx.Module):
    """Three unpadded 3x3 convolutions, each with max-pooling, then three linear layers with dropout.

    The texture project's deeper network; 118,351 parameters for 15 classes of 32x32 pictures with 4 channels.
    """

    def __init__(
        self, *, inputs: int, classes: int, size: tuple[int, int] = (32, 32), dropout: float = 0.5, rngs: nnx.Rngs
    ):
        self.conv1 = conv(inputs, 64, 3, padding=0, bias=True, rngs=rngs)
        self.conv2 = conv(64, 64, 3, padding=0, bias=True, rngs=rngs)
        self.conv3 = conv(64, 64, 3, padding=0, bias=True, rngs=rngs)
        self.pool = Layer(max_pool, size=2, floor=0)
        self.flatten = Layer(flatten)
        h, w = (after(after(after(side, 3, 0), 3, 0), 3, 0) for side in size)
        self.dense1 = dense(64 * h * w, 128, rngs=rngs)
        self.dropout1 = Dropout(dropout, rngs=rngs)
        self.dense2 = dense(128, 64, rngs=rngs)
        self.dropout2 = Dropout(dropout, rngs=rngs)
        self.head = dense(64, classes, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        x = self.pool(self.conv1(x))
        x = self.pool(self.conv2(x))
        x = self.pool(self.conv3(x))
        x = self.flatten(x)
        x = self.dropout1(relu(self.dense1(x)))
        x = self.dropout2(relu(self.dense2(x)))
        return self.head(x)


class TwoLayer(nnx.Module):
    """Two blocks of 3x3 convolution, norm, ReLU and max-pooling, then one linear layer and dropout."""

    def __init__(
        self, *, inputs: int, classes: int, size: tuple[int, int] = (255, 342), dropout: float = 0.5, rngs: nnx.Rngs
    ):
        self.conv1 = conv(inputs, 16, 3, bias=True, rngs=rngs)
        self.norm1 = norm(16, rngs=rngs)
        self.conv2 = conv(16, 32, 3, bias=True, rngs=rngs)
        self.norm2 = norm(32, rngs=rngs)
        self.pool = Layer(max_pool, size=2, floor=0)
        self.flatten = Layer(flatten)
        h, w = (after(after(side, 3, 1), 3, 1) for side in size)
        self.head = dense(32 * h * w, classes, rngs=rngs)
        self.dropout = Dropout(dropout, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        x = self.pool(self.norm1(self.conv1(x)))
        x = self.pool(self.norm2(self.conv2(x)))
        return self.dropout(self.head(self.flatten(x)))


class SharedNet(nnx.Module):
    """Three blocks of two 3x3 convolutions, five of the six the same one, then two linear layers.

    The minifigure project's `Net`, for any input size: the mean over all pixels stands for its `AvgPool2d(7)`,
    which is the same at 28x28. It returns logits; the log-softmax printed at the end of `Net` is in the loss here.
    """

    def __init__(self, *, inputs: int, classes: int, rngs: nnx.Rngs):
        self.conv1 = conv(inputs, 64, 3, bias=True, rngs=rngs)
        self.conv2 = conv(64, 64, 3, bias=True, rngs=rngs)
        self.pool = Layer(max_pool, size=2, floor=0)
        self.mean = Layer(global_pool)
        self.dense1 = dense(64, 64, rngs=rngs)
        self.head = dense(64, classes, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        x = relu(self.conv1(x))
        x = relu(self.conv2(x))
        x = self.pool(x)
        x = relu(self.conv2(x))
        x = relu(self.conv2(x))
        x = self.pool(x)
        x = relu(self.conv2(x))
        x = relu(self.conv2(x))
        x = relu(self.dense1(self.mean(x)))
        return self.head(x)


def after(side: int, size: int, padding: int) -> int:
    """Height or width after a convolution of that kernel size and a max-pooling by 2."""
    side = (side + 2 * padding - size + 1) // 2
    if side < 1:
        raise UserError("the pictures are too small for this network")
    return side
