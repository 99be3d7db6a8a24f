"""Plain convolutional networks of the published projects: textures, characters, minifigures."""

from flax import nnx
from jax import Array

from gv_jax.errors import UserError
from gv_jax.models.dropout import Dropout
from gv_jax.models.layers import Conv, Lambda, Linear, flatten, relu
from gv_jax.models.normalization import BatchNorm
from gv_jax.models.ops.pooling import global_pool, max_pool


class TextureCNN2(nnx.Module):
    """Two unpadded 7x7 convolutions, each with max-pooling, then three linear layers with dropout.

    The texture project's baseline; 296,463 parameters for 15 classes of 32x32 images with 4
    channels.
    """

    def __init__(
        self,
        *,
        in_features: int,
        out_features: int,
        size: tuple[int, int] = (32, 32),
        dropout: float = 0.5,
        rngs: nnx.Rngs,
    ):
        self.conv1 = Conv(in_features, 64, 7, padding=0, use_bias=True, rngs=rngs)
        self.conv2 = Conv(64, 64, 7, padding=0, use_bias=True, rngs=rngs)
        self.pool = Lambda(max_pool, kernel_size=2, min_value=0)
        self.flatten = Lambda(flatten)
        h, w = (conv_pool_size(conv_pool_size(side, 7, 0), 7, 0) for side in size)
        self.dense1 = Linear(64 * h * w, 128, rngs=rngs)
        self.dropout1 = Dropout(dropout, rngs=rngs)
        self.dense2 = Linear(128, 64, rngs=rngs)
        self.dropout2 = Dropout(dropout, rngs=rngs)
        self.head = Linear(64, out_features, rngs=rngs)

    def features(self, x: Array) -> dict[str, Array]:
        """The output of each layer before the head."""
        maps = {"conv1": self.pool(self.conv1(x))}
        maps["conv2"] = self.pool(self.conv2(maps["conv1"]))
        maps["dense1"] = self.dropout1(relu(self.dense1(self.flatten(maps["conv2"]))))
        maps["dense2"] = self.dropout2(relu(self.dense2(maps["dense1"])))
        return maps

    def stages(self) -> dict[str, tuple[str, ...]]:
        """The modules of each stage, from input to output."""
        return {name: (name,) for name in ("conv1", "conv2", "dense1", "dense2", "head")}

    def __call__(self, x: Array) -> Array:
        return self.head(self.features(x)["dense2"])


class TextureCNN3(nnx.Module):
    """Three unpadded 3x3 convolutions, each with max-pooling, three linear layers with dropout.

    The texture project's deeper network; 118,351 parameters for 15 classes of 32x32 images with 4
    channels.
    """

    def __init__(
        self,
        *,
        in_features: int,
        out_features: int,
        size: tuple[int, int] = (32, 32),
        dropout: float = 0.5,
        rngs: nnx.Rngs,
    ):
        self.conv1 = Conv(in_features, 64, 3, padding=0, use_bias=True, rngs=rngs)
        self.conv2 = Conv(64, 64, 3, padding=0, use_bias=True, rngs=rngs)
        self.conv3 = Conv(64, 64, 3, padding=0, use_bias=True, rngs=rngs)
        self.pool = Lambda(max_pool, kernel_size=2, min_value=0)
        self.flatten = Lambda(flatten)
        h, w = size
        for _ in range(3):
            h, w = conv_pool_size(h, 3, 0), conv_pool_size(w, 3, 0)
        self.dense1 = Linear(64 * h * w, 128, rngs=rngs)
        self.dropout1 = Dropout(dropout, rngs=rngs)
        self.dense2 = Linear(128, 64, rngs=rngs)
        self.dropout2 = Dropout(dropout, rngs=rngs)
        self.head = Linear(64, out_features, rngs=rngs)

    def features(self, x: Array) -> dict[str, Array]:
        """The output of each layer before the head."""
        maps = {"conv1": self.pool(self.conv1(x))}
        maps["conv2"] = self.pool(self.conv2(maps["conv1"]))
        maps["conv3"] = self.pool(self.conv3(maps["conv2"]))
        maps["dense1"] = self.dropout1(relu(self.dense1(self.flatten(maps["conv3"]))))
        maps["dense2"] = self.dropout2(relu(self.dense2(maps["dense1"])))
        return maps

    def stages(self) -> dict[str, tuple[str, ...]]:
        """The modules of each stage, from input to output."""
        return {name: (name,) for name in ("conv1", "conv2", "conv3", "dense1", "dense2", "head")}

    def __call__(self, x: Array) -> Array:
        return self.head(self.features(x)["dense2"])


class TwoLayerCNN(nnx.Module):
    """Two blocks of 3x3 convolution, norm, ReLU and max-pooling, a linear layer and dropout."""

    def __init__(
        self,
        *,
        in_features: int,
        out_features: int,
        size: tuple[int, int] = (255, 342),
        dropout: float = 0.5,
        rngs: nnx.Rngs,
    ):
        self.conv1 = Conv(in_features, 16, 3, use_bias=True, rngs=rngs)
        self.norm1 = BatchNorm(16)
        self.conv2 = Conv(16, 32, 3, use_bias=True, rngs=rngs)
        self.norm2 = BatchNorm(32)
        self.pool = Lambda(max_pool, kernel_size=2, min_value=0)
        self.flatten = Lambda(flatten)
        h, w = (conv_pool_size(conv_pool_size(side, 3, 1), 3, 1) for side in size)
        self.head = Linear(32 * h * w, out_features, rngs=rngs)
        self.dropout = Dropout(dropout, rngs=rngs)

    def features(self, x: Array) -> dict[str, Array]:
        """The feature map after each block."""
        maps = {"block1": self.pool(self.norm1(self.conv1(x)))}
        maps["block2"] = self.pool(self.norm2(self.conv2(maps["block1"])))
        return maps

    def stages(self) -> dict[str, tuple[str, ...]]:
        """The modules of each stage, from input to output."""
        return {"block1": ("conv1", "norm1"), "block2": ("conv2", "norm2"), "head": ("head",)}

    def __call__(self, x: Array) -> Array:
        return self.dropout(self.head(self.flatten(self.features(x)["block2"])))


class SharedConvNet(nnx.Module):
    """Three blocks of two 3x3 convolutions, five of them with shared weights, two linear layers.

    The minifigure project's `Net`, for images of any size: a mean over all pixels replaces its
    `AvgPool2d(7)`, which is the same at 28x28. It returns logits; the log-softmax at the end of
    `Net` is part of the loss here.
    """

    def __init__(self, *, in_features: int, out_features: int, rngs: nnx.Rngs):
        self.conv1 = Conv(in_features, 64, 3, use_bias=True, rngs=rngs)
        self.conv2 = Conv(64, 64, 3, use_bias=True, rngs=rngs)
        self.pool = Lambda(max_pool, kernel_size=2, min_value=0)
        self.mean = Lambda(global_pool)
        self.dense1 = Linear(64, 64, rngs=rngs)
        self.head = Linear(64, out_features, rngs=rngs)

    def features(self, x: Array) -> dict[str, Array]:
        """The output of each layer before the head; of the shared layer, of its last call."""
        maps = {"conv1": relu(self.conv1(x))}
        x = self.pool(relu(self.conv2(maps["conv1"])))
        x = self.pool(relu(self.conv2(relu(self.conv2(x)))))
        maps["conv2"] = relu(self.conv2(relu(self.conv2(x))))
        maps["dense1"] = relu(self.dense1(self.mean(maps["conv2"])))
        return maps

    def stages(self) -> dict[str, tuple[str, ...]]:
        """The modules of each stage, from input to output."""
        return {name: (name,) for name in ("conv1", "conv2", "dense1", "head")}

    def __call__(self, x: Array) -> Array:
        return self.head(self.features(x)["dense1"])


def conv_pool_size(side: int, kernel_size: int, padding: int) -> int:
    """Height or width after a convolution and a max-pooling by 2.

    Args:
        side: height or width of the input, in pixels.
        kernel_size: of the convolution.
        padding: zeros on every side.

    Raises:
        UserError: no pixel is left.
    """
    pooled = (side + 2 * padding - kernel_size + 1) // 2
    if pooled < 1:
        raise UserError(
            f"no pixel of a side of {side} is left after a {kernel_size}x{kernel_size} convolution "
            "and pooling: increase config.data.size"
        )
    return pooled
