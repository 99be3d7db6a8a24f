"""Networks that colour with the eyes of a classifier: its first stages, or what it makes of the whole picture."""

from collections.abc import Callable
from typing import Any, Protocol

import jax.numpy as jnp
from flax import nnx
from jax import Array

from gv_jax.models.colorization import UNetUnit, pad_to_multiple, upsample_nearest
from gv_jax.models.frozen import freeze_batch_norm
from gv_jax.models.layers import conv, relu
from gv_jax.models.ops.pooling import global_pool


class Backbone(Protocol):
    """A classifier that gives its maps."""

    head: Any

    def features(self, x: Array) -> dict[str, Array]:
        """The maps after every stage, in order."""
        ...


class ColorDecoder(nnx.Module):
    """From a map at an eighth of the size to outputs at the full size: units, each doubled, and a last convolution."""

    WIDTHS = (128, 64, 32)

    def __init__(self, inputs: int, outputs: int, *, rngs: nnx.Rngs):
        self.units = nnx.List()
        width = inputs
        for features in self.WIDTHS:
            self.units.append(UNetUnit(width, features, rngs=rngs))
            width = features
        self.head = conv(width, outputs, 3, bias=True, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        for unit in self.units:
            x = upsample_nearest(unit(x))
        return self.head(x)


class BackboneColorizer(nnx.Module):
    """The first stages of a classifier, told one channel, and a decoder; after L. Melas-Kyriazi 2018, "Image
    colorization with convolutional neural networks".

    `trunk` takes the weights of a network that was trained on photos: its first kernel summed over red, green and blue
    sees a grey picture as it did when it was told the same three times. Its last stage is `stage`, a map of `width`
    features at an eighth of the size.
    """

    def __init__(
        self,
        family: Callable[..., Backbone],
        stage: str,
        width: int,
        stride: int,
        *,
        inputs: int,
        outputs: int,
        rngs: nnx.Rngs,
    ):
        self.trunk = drop_head(family(inputs=inputs, classes=1, last_stage=stage, rngs=rngs))
        self.decoder = ColorDecoder(width, outputs, rngs=rngs)
        self.stage = stage
        self.stride = stride

    def __call__(self, x: Array) -> Array:
        _, h, w, _ = x.shape
        maps = self.trunk.features(to_imagenet_scale(pad_to_multiple(x, self.stride)))
        return self.decoder(maps[self.stage])[:, :h, :w]


class Fusion(nnx.Module):
    """An encoder whose map is joined, at every pixel, with what a classifier makes of the whole picture: Baldassarre et
    al. 2017, "Deep Koalarization", arXiv:1712.03400, with fewer features.

    The classifier keeps its weights. `last_stage`: of the classifier, its last of all where that is empty.
    """

    stride = 32
    ENCODER = ((32, 2), (64, 2), (128, 2), (128, 1))  # features and strides

    def __init__(
        self,
        *,
        inputs: int,
        outputs: int,
        classifier: Callable[..., Backbone],
        last_stage: str = "",
        rngs: nnx.Rngs,
    ):
        self.classifier = freeze_batch_norm(
            drop_head(classifier(inputs=inputs, classes=1, last_stage=last_stage, rngs=rngs))
        )
        self.encoder = nnx.List()
        width = inputs
        for features, strides in self.ENCODER:
            self.encoder.append(UNetUnit(width, features, strides, rngs=rngs))
            width = features
        self.fuse = conv(
            width + global_width(self.classifier, inputs), width, 1, bias=True, rngs=rngs
        )
        self.decoder = ColorDecoder(width, outputs, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        _, h, w, _ = x.shape
        x = pad_to_multiple(x, self.stride)
        whole = global_features(self.classifier, x)
        for unit in self.encoder:
            x = unit(x)  # [n h/8 w/8 128] in the end
        n, rows, columns, _ = x.shape
        repeated = jnp.broadcast_to(whole[:, None, None], (n, rows, columns, whole.shape[-1]))
        return self.decoder(relu(self.fuse(jnp.concatenate([x, repeated], -1))))[:, :h, :w]


def drop_head(trunk: Backbone) -> Backbone:
    """A classifier of which only the maps are of use."""
    del trunk.head
    return trunk


def global_features(trunk: Backbone, x: Array) -> Array:
    """The means over the last map that a classifier makes of lightness in [-1, 1].  # [n c]"""
    return global_pool(list(trunk.features(to_imagenet_scale(x)).values())[-1])


def global_width(trunk: Backbone, inputs: int) -> int:
    """Of `global_features`."""
    return nnx.eval_shape(lambda: global_features(trunk, jnp.zeros((1, 32, 32, inputs)))).shape[-1]


def to_imagenet_scale(x: Array) -> Array:
    """Lightness in [-1, 1] on the scale that networks of photos are told: ImageNet's mean 0.449, deviation 0.226."""
    return ((x + 1) / 2 - 0.449) / 0.226
