"""Plain convolutional networks of the published projects: textures, cartoon characters, minifigures."""

from flax import nnx
from jax import Array

from gv_jax.errors import UserError
from gv_jax.models.dropout import Dropout
from gv_jax.models.layers import Lambda, conv, dense, flatten, relu
from gv_jax.models.normalization import batch_norm
from gv_jax.models.ops.pooling import global_pool, max_pool


class TextureCNN2(nnx.Module):
    """Two unpadded 7x7 convolutions, each with max-pooling, then three linear layers with dropout.

    The texture project's baseline; 296,463 parameters for 15 classes of 32x32 pictures with 4 channels.
    """

    def __init__(
        self,
        *,
        inputs: int,
        classes: int,
        size: tuple[int, int] = (32, 32),
        dropout: float = 0.5,
        rngs: nnx.Rngs,
    ):
        self.conv1 = conv(inputs, 64, 7, padding=0, bias=True, rngs=rngs)
        self.conv2 = conv(64, 64, 7, padding=0, bias=True, rngs=rngs)
        self.pool = Lambda(max_pool, size=2, floor=0)
        self.flatten = Lambda(flatten)
        h, w = (conv_pool_size(conv_pool_size(side, 7, 0), 7, 0) for side in size)
        self.dense1 = dense(64 * h * w, 128, rngs=rngs)
        self.dropout1 = Dropout(dropout, rngs=rngs)
        self.dense2 = dense(128, 64, rngs=rngs)
        self.dropout2 = Dropout(dropout, rngs=rngs)
        self.head = dense(64, classes, rngs=rngs)

    def features(self, x: Array) -> dict[str, Array]:
        """What comes after every layer but the last."""
        maps = {"conv1": self.pool(self.conv1(x))}
        maps["conv2"] = self.pool(self.conv2(maps["conv1"]))
        maps["dense1"] = self.dropout1(relu(self.dense1(self.flatten(maps["conv2"]))))
        maps["dense2"] = self.dropout2(relu(self.dense2(maps["dense1"])))
        return maps

    def parts(self) -> dict[str, tuple[str, ...]]:
        """Which layers make each stage, from input to output."""
        return {name: (name,) for name in ("conv1", "conv2", "dense1", "dense2", "head")}

    def __call__(self, x: Array) -> Array:
        return self.head(self.features(x)["dense2"])


class TextureCNN3(nnx.Module):
    """Three unpadded 3x3 convolutions, each with max-pooling, then three linear layers with dropout.

    The texture project's deeper network; 118,351 parameters for 15 classes of 32x32 pictures with 4 channels.
    """

    def __init__(
        self,
        *,
        inputs: int,
        classes: int,
        size: tuple[int, int] = (32, 32),
        dropout: float = 0.5,
        rngs: nnx.Rngs,
    ):
        self.conv1 = conv(inputs, 64, 3, padding=0, bias=True, rngs=rngs)
        self.conv2 = conv(64, 64, 3, padding=0, bias=True, rngs=rngs)
        self.conv3 = conv(64, 64, 3, padding=0, bias=True, rngs=rngs)
        self.pool = Lambda(max_pool, size=2, floor=0)
        self.flatten = Lambda(flatten)
        h, w = (
            conv_pool_size(conv_pool_size(conv_pool_size(side, 3, 0), 3, 0), 3, 0) for side in size
        )
        self.dense1 = dense(64 * h * w, 128, rngs=rngs)
        self.dropout1 = Dropout(dropout, rngs=rngs)
        self.dense2 = dense(128, 64, rngs=rngs)
        self.dropout2 = Dropout(dropout, rngs=rngs)
        self.head = dense(64, classes, rngs=rngs)

    def features(self, x: Array) -> dict[str, Array]:
        """What comes after every layer but the last."""
        maps = {"conv1": self.pool(self.conv1(x))}
        maps["conv2"] = self.pool(self.conv2(maps["conv1"]))
        maps["conv3"] = self.pool(self.conv3(maps["conv2"]))
        maps["dense1"] = self.dropout1(relu(self.dense1(self.flatten(maps["conv3"]))))
        maps["dense2"] = self.dropout2(relu(self.dense2(maps["dense1"])))
        return maps

    def parts(self) -> dict[str, tuple[str, ...]]:
        """Which layers make each stage, from input to output."""
        return {name: (name,) for name in ("conv1", "conv2", "conv3", "dense1", "dense2", "head")}

    def __call__(self, x: Array) -> Array:
        return self.head(self.features(x)["dense2"])


class TwoLayerCNN(nnx.Module):
    """Two blocks of 3x3 convolution, norm, ReLU and max-pooling, then one linear layer and dropout."""

    def __init__(
        self,
        *,
        inputs: int,
        classes: int,
        size: tuple[int, int] = (255, 342),
        dropout: float = 0.5,
        rngs: nnx.Rngs,
    ):
        self.conv1 = conv(inputs, 16, 3, bias=True, rngs=rngs)
        self.norm1 = batch_norm(16, rngs=rngs)
        self.conv2 = conv(16, 32, 3, bias=True, rngs=rngs)
        self.norm2 = batch_norm(32, rngs=rngs)
        self.pool = Lambda(max_pool, size=2, floor=0)
        self.flatten = Lambda(flatten)
        h, w = (conv_pool_size(conv_pool_size(side, 3, 1), 3, 1) for side in size)
        self.head = dense(32 * h * w, classes, rngs=rngs)
        self.dropout = Dropout(dropout, rngs=rngs)

    def features(self, x: Array) -> dict[str, Array]:
        """The maps after each block."""
        maps = {"block1": self.pool(self.norm1(self.conv1(x)))}
        maps["block2"] = self.pool(self.norm2(self.conv2(maps["block1"])))
        return maps

    def parts(self) -> dict[str, tuple[str, ...]]:
        """Which layers make each stage, from input to output."""
        return {"block1": ("conv1", "norm1"), "block2": ("conv2", "norm2"), "head": ("head",)}

    def __call__(self, x: Array) -> Array:
        return self.dropout(self.head(self.flatten(self.features(x)["block2"])))


class SharedConvNet(nnx.Module):
    """Three blocks of two 3x3 convolutions, five of the six the same one, then two linear layers.

    The minifigure project's `Net`, for any input size: the mean over all pixels stands for its `AvgPool2d(7)`,
    which is the same at 28x28. It returns logits; the log-softmax printed at the end of `Net` is in the loss here.
    """

    def __init__(self, *, inputs: int, classes: int, rngs: nnx.Rngs):
        self.conv1 = conv(inputs, 64, 3, bias=True, rngs=rngs)
        self.conv2 = conv(64, 64, 3, bias=True, rngs=rngs)
        self.pool = Lambda(max_pool, size=2, floor=0)
        self.mean = Lambda(global_pool)
        self.dense1 = dense(64, 64, rngs=rngs)
        self.head = dense(64, classes, rngs=rngs)

    def features(self, x: Array) -> dict[str, Array]:
        """What comes after every layer but the last: of the shared one, after its last turn."""
        maps = {"conv1": relu(self.conv1(x))}
        x = self.pool(relu(self.conv2(maps["conv1"])))
        x = self.pool(relu(self.conv2(relu(self.conv2(x)))))
        maps["conv2"] = relu(self.conv2(relu(self.conv2(x))))
        maps["dense1"] = relu(self.dense1(self.mean(maps["conv2"])))
        return maps

    def parts(self) -> dict[str, tuple[str, ...]]:
        """Which layers make each stage, from input to output."""
        return {name: (name,) for name in ("conv1", "conv2", "dense1", "head")}

    def __call__(self, x: Array) -> Array:
        return self.head(self.features(x)["dense1"])


def conv_pool_size(side: int, size: int, padding: int) -> int:
    """Height or width after a convolution of that kernel size and a max-pooling by 2."""
    side = (side + 2 * padding - size + 1) // 2
    if side < 1:
        raise UserError("the pictures are too small for this network")
    return side
