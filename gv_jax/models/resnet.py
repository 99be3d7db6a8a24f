"""Residual networks: He et al. 2016, "Deep residual learning for image recognition", arXiv:1512.03385."""

from collections.abc import Callable, Sequence

from flax import nnx
from jax import Array

from gv_jax.errors import unknown
from gv_jax.models import backbone
from gv_jax.models.dropout import Dropout
from gv_jax.models.layers import Lambda, conv, dense, relu
from gv_jax.models.normalization import batch_norm
from gv_jax.models.ops.pooling import global_pool, max_pool


class Downsample(nnx.Module):
    """The shortcut where the shape changes: a strided 1x1 convolution and its norm."""

    def __init__(self, inputs: int, features: int, strides: int, *, rngs: nnx.Rngs):
        self.conv = conv(inputs, features, 1, strides, rngs=rngs)
        self.norm = batch_norm(features, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        return self.norm(self.conv(x))


def make_shortcut(
    inputs: int, features: int, strides: int, *, rngs: nnx.Rngs
) -> Callable[[Array], Array]:
    if strides == 1 and inputs == features:
        return nnx.identity
    return Downsample(inputs, features, strides, rngs=rngs)


class BasicBlock(nnx.Module):
    """relu(shortcut(x) + f(x)), f two 3x3 convolutions; fig. 5 left."""

    expansion = 1
    convolutions = 2

    def __init__(self, inputs: int, features: int, strides: int = 1, *, rngs: nnx.Rngs):
        self.conv1 = conv(inputs, features, 3, strides, rngs=rngs)
        self.norm1 = batch_norm(features, rngs=rngs)
        self.conv2 = conv(features, features, 3, rngs=rngs)
        self.norm2 = batch_norm(features, rngs=rngs)
        self.shortcut = make_shortcut(inputs, features, strides, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        y = relu(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        return relu(self.shortcut(x) + y)  # [n h/s w/s f]


class Bottleneck(nnx.Module):
    """relu(shortcut(x) + f(x)), f a 1x1, 3x3, 1x1 bottleneck; fig. 5 right.

    The stride is on the 3x3 convolution, as in torchvision ("v1.5"), not on the first 1x1 as in the paper.
    """

    expansion = 4
    convolutions = 3

    def __init__(self, inputs: int, features: int, strides: int = 1, *, rngs: nnx.Rngs):
        outputs = self.expansion * features
        self.conv1 = conv(inputs, features, 1, rngs=rngs)
        self.norm1 = batch_norm(features, rngs=rngs)
        self.conv2 = conv(features, features, 3, strides, rngs=rngs)
        self.norm2 = batch_norm(features, rngs=rngs)
        self.conv3 = conv(features, outputs, 1, rngs=rngs)
        self.norm3 = batch_norm(outputs, rngs=rngs)
        self.shortcut = make_shortcut(inputs, outputs, strides, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        y = relu(self.norm1(self.conv1(x)))
        y = relu(self.norm2(self.conv2(y)))
        y = self.norm3(self.conv3(y))
        return relu(self.shortcut(x) + y)  # [n h/s w/s 4f]


RESNET_STEMS = {"imagenet": (7, 2), "small": (3, 1)}  # size and strides of the first convolution


class ResNet(nnx.Module):
    """Stem, four stages of units that halve the picture and double the features, mean, linear head.

    `stem` is "imagenet" (7x7/2 convolution, 3x3/2 max-pooling) or "small" (3x3, for pictures of 32 pixels or so).
    The head stands on `last_stage`, the last of all where it is empty; later stages are left out.
    """

    smallest = 1

    def __init__(
        self,
        stage_sizes: Sequence[int],
        unit: type[BasicBlock] | type[Bottleneck],
        *,
        inputs: int,
        classes: int,
        stem: str = "imagenet",
        dropout: float = 0.0,
        last_stage: str = "",
        rngs: nnx.Rngs,
    ):
        if stem not in RESNET_STEMS:
            raise unknown("stem", stem, RESNET_STEMS)
        names = ["stem", *(f"stage{number}" for number in range(1, len(stage_sizes) + 1))]
        self.names = tuple(backbone.truncate_stages(names, last_stage))
        self.stage_sizes = tuple(stage_sizes)
        self.unit = unit
        features = 64
        self.conv1 = conv(inputs, features, *RESNET_STEMS[stem], rngs=rngs)
        self.norm1 = batch_norm(features, rngs=rngs)
        self.pool = (
            Lambda(max_pool, size=3, strides=2, padding=1) if stem == "imagenet" else nnx.identity
        )
        self.stages = nnx.List()
        width = features
        for stage, count in enumerate(stage_sizes[: len(self.names) - 1]):
            features, units = 64 * 2**stage, nnx.List()
            for index in range(count):
                units.append(unit(width, features, 2 if stage and not index else 1, rngs=rngs))
                width = features * unit.expansion
            self.stages.append(units)
        self.mean = Lambda(global_pool)
        self.head = dense(width, classes, rngs=rngs)
        self.dropout = Dropout(dropout, rngs=rngs)

    def features(self, x: Array) -> dict[str, Array]:
        """The maps after the stem and after every stage: "stem", "stage1" to "stage4"."""
        x = self.pool(relu(self.norm1(self.conv1(x))))
        return {"stem": x, **backbone.stage_outputs(self.names[1:], self.stages, x)}

    def parts(self) -> dict[str, tuple[str, ...]]:
        """Which modules make each stage, from input to output."""
        stages = {name: (f"stages.{index}",) for index, name in enumerate(self.names[1:])}
        return {"stem": ("conv1", "norm1"), **stages, "head": ("head",)}

    def __call__(self, x: Array) -> Array:
        last = self.features(x)[self.names[-1]]
        return self.head(self.dropout(self.mean(last)))  # [n classes]
