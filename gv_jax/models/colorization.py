"""Colorizers: lightness [n h w 1] in [-1, 1] -> outputs of a color head [n h w out_features].

Images may have any size. They are padded to a multiple of the stride by repeating their last row
and column, and the outputs are cropped to their size.
"""

from collections.abc import Callable
from typing import Any, Protocol

import jax.numpy as jnp
from flax import nnx
from jax import Array

from gv_jax.models.frozen import freeze
from gv_jax.models.layers import Conv, ConvNormAct, Lambda, UpsampleConv, relu
from gv_jax.models.normalization import BatchNorm
from gv_jax.models.ops.platform import is_plain
from gv_jax.models.ops.pooling import global_pool, max_pool
from gv_jax.models.ops.upsampling import upsample_nearest


def pad_to_multiple(x: Array, stride: int) -> Array:
    """Pads [n h w c] to sides that are multiples of `stride`, repeating the last row and column."""
    _, h, w, _ = x.shape
    if is_plain():
        return repeat_edge(repeat_edge(x, 1, stride), 2, stride)
    down, across = -h % stride, -w % stride
    return (
        jnp.pad(x, ((0, 0), (0, down), (0, across), (0, 0)), mode="edge") if down or across else x
    )


def repeat_edge(x: Array, axis: int, stride: int) -> Array:
    """Pads an axis, which may be of symbolic size, as `pad_to_multiple` does."""
    size = x.shape[axis]
    index = jnp.arange(-(-size // stride) * stride, dtype=jnp.int32)
    return x.take(jnp.minimum(index, jnp.asarray(size - 1, jnp.int32)), axis, mode="clip")


class WallnerAlpha(nnx.Module):
    """An encoder and a decoder of 3x3 convolutions.

    E. Wallner 2017, "Colorizing B&W photos with neural networks".
    """

    stride = 8
    ENCODER = ((8, 2), (8, 1), (16, 1), (16, 2), (32, 1), (32, 2))  # features and strides
    DECODER = (32, 16)  # features; each convolution is preceded by a 2x upsampling

    def __init__(self, *, in_features: int, out_features: int, rngs: nnx.Rngs):
        self.encoder, self.decoder = nnx.List(), nnx.List()
        width = in_features
        for features, strides in self.ENCODER:
            self.encoder.append(Conv(width, features, 3, strides, use_bias=True, rngs=rngs))
            width = features
        for features in self.DECODER:
            self.decoder.append(UpsampleConv(width, features, use_bias=True, rngs=rngs))
            width = features
        self.head = UpsampleConv(width, out_features, use_bias=True, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        _, h, w, _ = x.shape
        x = pad_to_multiple(x, self.stride)
        for layer in self.encoder:
            x = relu(layer(x))  # at last [n h/8 w/8 32]
        for layer in self.decoder:
            x = relu(layer(x))  # at last [n h/2 w/2 16]
        return self.head(x)[:, :h, :w]


class UNet(nnx.Module):
    """One block per scale on the way down and one on the way up, with skip connections.

    After Ronneberger et al. 2015, arXiv:1505.04597, with half the blocks. Skip connections are
    added, not concatenated, as in LinkNet (Chaurasia & Culurciello 2017, arXiv:1707.03718): a third
    of the time on a CPU.
    """

    WIDTHS = (16, 32, 64, 64, 64)  # features at the full resolution, at 1/2, 1/4 …
    stride = 16

    def __init__(self, *, in_features: int, out_features: int, rngs: nnx.Rngs):
        self.down, self.lateral, self.up = nnx.List(), nnx.List(), nnx.List()
        self.pool = Lambda(max_pool, kernel_size=2)
        width = in_features
        for features in self.WIDTHS:
            self.down.append(ConvNormAct(width, features, 3, rngs=rngs))
            width = features
        for features in self.WIDTHS[-2::-1]:
            self.lateral.append(Conv(width, features, 1, rngs=rngs))
            self.up.append(ConvNormAct(features, features, 3, rngs=rngs))
            width = features
        self.head = Conv(width, out_features, 1, use_bias=True, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        _, h, w, _ = x.shape
        x = pad_to_multiple(x, self.stride)
        skips = []
        for block in self.down:
            x = block(self.pool(x) if skips else x)
            skips.append(x)
        for lateral, block, skip in zip(self.lateral, self.up, skips[-2::-1], strict=True):
            x = block(upsample_nearest(lateral(x)) + skip)
        return self.head(x)[:, :h, :w]


class Backbone(Protocol):
    """A classifier that returns its feature maps."""

    head: Any

    def features(self, x: Array) -> dict[str, Array]:
        """The feature map after each stage, in order."""
        ...


class UpsampleBlock(nnx.Module):
    """relu(norm(conv(x))) of the upsampled x."""

    def __init__(self, in_features: int, out_features: int, *, rngs: nnx.Rngs):
        self.conv = UpsampleConv(in_features, out_features, rngs=rngs)
        self.norm = BatchNorm(out_features)

    def __call__(self, x: Array) -> Array:
        return relu(self.norm(self.conv(x)))


class ColorDecoder(nnx.Module):
    """From a feature map at 1/8 to outputs at the full resolution.

    Three blocks, each followed by a 2x upsampling, and a last convolution.
    """

    WIDTHS = (128, 64, 32)

    def __init__(self, in_features: int, out_features: int, *, rngs: nnx.Rngs):
        width, *widths = self.WIDTHS
        self.blocks = nnx.List()
        self.blocks.append(ConvNormAct(in_features, width, 3, rngs=rngs))
        for features in widths:
            self.blocks.append(UpsampleBlock(width, features, rngs=rngs))
            width = features
        self.head = UpsampleConv(width, out_features, use_bias=True, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        for block in self.blocks:
            x = block(x)
        return self.head(x)


class BackboneColorizer(nnx.Module):
    """The first stages of a classifier on one channel, and a decoder.

    After L. Melas-Kyriazi 2018, "Image colorization with convolutional neural networks". With
    pretrained weights, the first kernel of `backbone` is summed over red, green and blue: a gray
    image gives the same feature maps as three equal channels.
    """

    def __init__(
        self,
        make_backbone: Callable[..., Backbone],
        stage: str,
        width: int,
        stride: int,
        *,
        in_features: int,
        out_features: int,
        rngs: nnx.Rngs,
    ):
        """Draws the weights.

        Args:
            make_backbone: constructor of the classifier.
            stage: its last stage, a feature map at 1/8 of the resolution.
            width: features of this map.
            stride: the sides of the images are padded to a multiple of it, in pixels.
            in_features: channels of the images.
            out_features: outputs per pixel.
            rngs: random streams.
        """
        self.backbone = drop_head(
            make_backbone(in_features=in_features, out_features=1, last_stage=stage, rngs=rngs)
        )
        self.decoder = ColorDecoder(width, out_features, rngs=rngs)
        self.stage = stage
        self.stride = stride

    def __call__(self, x: Array) -> Array:
        _, h, w, _ = x.shape
        maps = self.backbone.features(to_imagenet_scale(pad_to_multiple(x, self.stride)))
        return self.decoder(maps[self.stage])[:, :h, :w]


class Fusion(nnx.Module):
    """An encoder whose map is concatenated, at each pixel, with features of the whole image.

    The latter are those of a frozen classifier before its head. Baldassarre et al. 2017, "Deep
    Koalarization", arXiv:1712.03400, with fewer features. `last_stage` is the classifier's; empty:
    its last one.
    """

    stride = 32
    ENCODER = ((32, 2), (64, 2), (128, 2), (128, 1))  # features and strides

    def __init__(
        self,
        *,
        in_features: int,
        out_features: int,
        classifier: Callable[..., Backbone],
        last_stage: str = "",
        rngs: nnx.Rngs,
    ):
        backbone = classifier(
            in_features=in_features, out_features=1, last_stage=last_stage, rngs=rngs
        )
        self.classifier = freeze(drop_head(backbone))
        self.encoder = nnx.List()
        width = in_features
        for features, strides in self.ENCODER:
            self.encoder.append(ConvNormAct(width, features, 3, strides, rngs=rngs))
            width = features
        fused = width + global_width(self.classifier, in_features)
        self.fuse = Conv(fused, width, 1, use_bias=True, rngs=rngs)
        self.decoder = ColorDecoder(width, out_features, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        _, h, w, _ = x.shape
        x = pad_to_multiple(x, self.stride)
        vector = global_features(self.classifier, x)
        for block in self.encoder:
            x = block(x)  # at last [n h/8 w/8 128]
        n, rows, columns, _ = x.shape
        repeated = jnp.broadcast_to(vector[:, None, None], (n, rows, columns, vector.shape[-1]))
        return self.decoder(relu(self.fuse(jnp.concatenate([x, repeated], -1))))[:, :h, :w]


def drop_head(backbone: Backbone) -> Backbone:
    """Removes the head of a classifier whose feature maps alone are used."""
    del backbone.head
    return backbone


def global_features(backbone: Backbone, x: Array) -> Array:
    """Means over pixels of the last feature map, for lightness `x` in [-1, 1].  # [n c]"""
    return global_pool(list(backbone.features(to_imagenet_scale(x)).values())[-1])


def global_width(backbone: Backbone, in_features: int) -> int:
    """Number of `global_features`."""
    x = jnp.zeros((1, 32, 32, in_features))
    return nnx.eval_shape(lambda: global_features(backbone, x)).shape[-1]


def to_imagenet_scale(x: Array) -> Array:
    """Standardizes lightness in [-1, 1] by ImageNet's mean 0.449 and standard deviation 0.226."""
    return ((x + 1) / 2 - 0.449) / 0.226
