"""Inception-v3: Szegedy et al. 2016, "Rethinking the Inception architecture", arXiv:1512.00567.

As torchvision's, without the auxiliary head. Each block is branches whose outputs are concatenated.
A branch is a sequence of convolutions.
"""

from collections.abc import Sequence
from typing import NamedTuple

from flax import nnx
from jax import Array
from jax import numpy as jnp

from gv_jax.models import backbone
from gv_jax.models.dropout import Dropout
from gv_jax.models.layers import ConvNormAct, Lambda, Linear
from gv_jax.models.ops.pooling import avg_pool, global_pool, max_pool

INCEPTION_BN_EPSILON = 1e-3  # of every norm, as in torchvision


class ConvSpec(NamedTuple):
    """One convolution of a branch; by default the size is kept."""

    features: int
    kernel_size: int | tuple[int, int]
    strides: int = 1
    padding: int | None = None


STEM = (
    ConvSpec(32, 3, 2, 0),
    ConvSpec(32, 3, 1, 0),
    ConvSpec(64, 3),
    ConvSpec(80, 1),
    ConvSpec(192, 3, 1, 0),
)
POOLED_AFTER = (2, 4)  # indices of the convolutions in the stem before a 3x3/2 max-pooling


def conv_branch(in_features: int, specs: Sequence[ConvSpec], rngs: nnx.Rngs) -> nnx.List:
    """Makes the convolutions of a branch."""
    layers = nnx.List()
    for spec in specs:
        layers.append(
            ConvNormAct(
                in_features,
                spec.features,
                spec.kernel_size,
                spec.strides,
                padding=spec.padding,
                epsilon=INCEPTION_BN_EPSILON,
                rngs=rngs,
            )
        )
        in_features = spec.features
    return layers


def apply_layers(layers: nnx.List, x: Array) -> Array:
    for layer in layers:
        x = layer(x)
    return x


class InceptionBlock(nnx.Module):
    """Branches, and a 1x1 convolution of the 3x3 mean; figs. 5 and 6. The size is kept."""

    def __init__(
        self,
        in_features: int,
        branches: Sequence[Sequence[ConvSpec]],
        pool_features: int,
        *,
        rngs: nnx.Rngs,
    ):
        self.branches = nnx.List([conv_branch(in_features, specs, rngs) for specs in branches])
        self.project = conv_branch(in_features, [ConvSpec(pool_features, 1)], rngs)
        self.out_features = sum(specs[-1].features for specs in branches) + pool_features

    def __call__(self, x: Array) -> Array:
        mean = avg_pool(x, 3, 1, padding=1)
        outputs = [apply_layers(layers, x) for layers in self.branches]
        return jnp.concatenate([*outputs, apply_layers(self.project, mean)], -1)


class ReductionBlock(nnx.Module):
    """Branches that end with stride 2, and the 3x3/2 maximum of the input; fig. 10."""

    def __init__(self, in_features: int, branches: Sequence[Sequence[ConvSpec]], *, rngs: nnx.Rngs):
        self.branches = nnx.List([conv_branch(in_features, specs, rngs) for specs in branches])
        self.out_features = sum(specs[-1].features for specs in branches) + in_features

    def __call__(self, x: Array) -> Array:
        outputs = [apply_layers(layers, x) for layers in self.branches]
        return jnp.concatenate([*outputs, max_pool(x, 3, 2)], -1)


class InceptionEBlock(nnx.Module):
    """An InceptionBlock two of whose branches end with a 1x3 beside a 3x1 convolution; fig. 7."""

    def __init__(self, in_features: int, *, rngs: nnx.Rngs):
        self.one = conv_branch(in_features, [ConvSpec(320, 1)], rngs)
        self.three = conv_branch(in_features, [ConvSpec(384, 1)], rngs)
        self.double = conv_branch(in_features, [ConvSpec(448, 1), ConvSpec(384, 3)], rngs)
        self.three_ends = make_ends(rngs)
        self.double_ends = make_ends(rngs)
        self.project = conv_branch(in_features, [ConvSpec(192, 1)], rngs)
        self.out_features = 320 + 4 * 384 + 192

    def __call__(self, x: Array) -> Array:
        three, double = apply_layers(self.three, x), apply_layers(self.double, x)
        ends = [apply_layers(layers, three) for layers in self.three_ends]
        ends += [apply_layers(layers, double) for layers in self.double_ends]
        pooled = apply_layers(self.project, avg_pool(x, 3, 1, padding=1))
        return jnp.concatenate([apply_layers(self.one, x), *ends, pooled], -1)


def make_ends(rngs: nnx.Rngs) -> nnx.List:
    """Makes the 1x3 and the 3x1 convolution at the end of a branch."""
    sizes = ((1, 3), (3, 1))
    return nnx.List([conv_branch(384, [ConvSpec(384, size)], rngs) for size in sizes])


def make_stage1(in_features: int, rngs: nnx.Rngs) -> list[InceptionBlock]:
    """Makes the blocks at 35x35, for images of 299x299."""
    branches = (
        (ConvSpec(64, 1),),
        (ConvSpec(48, 1), ConvSpec(64, 5)),
        (ConvSpec(64, 1), ConvSpec(96, 3), ConvSpec(96, 3)),
    )
    blocks = []
    for pool_features in (32, 64, 64):
        blocks.append(InceptionBlock(in_features, branches, pool_features, rngs=rngs))
        in_features = blocks[-1].out_features
    return blocks


def make_stage2(in_features: int, rngs: nnx.Rngs) -> list[ReductionBlock | InceptionBlock]:
    """Makes the blocks at 17x17."""
    reduction = (
        (ConvSpec(384, 3, 2, 0),),
        (ConvSpec(64, 1), ConvSpec(96, 3), ConvSpec(96, 3, 2, 0)),
    )
    blocks: list[ReductionBlock | InceptionBlock] = [
        ReductionBlock(in_features, reduction, rngs=rngs)
    ]
    for width in (128, 160, 160, 192):
        branches = (
            (ConvSpec(192, 1),),
            (ConvSpec(width, 1), ConvSpec(width, (1, 7)), ConvSpec(192, (7, 1))),
            (
                ConvSpec(width, 1),
                ConvSpec(width, (7, 1)),
                ConvSpec(width, (1, 7)),
                ConvSpec(width, (7, 1)),
                ConvSpec(192, (1, 7)),
            ),
        )
        blocks.append(InceptionBlock(blocks[-1].out_features, branches, 192, rngs=rngs))
    return blocks


def make_stage3(in_features: int, rngs: nnx.Rngs) -> list[ReductionBlock | InceptionEBlock]:
    """Makes the blocks at 8x8."""
    reduction = (
        (ConvSpec(192, 1), ConvSpec(320, 3, 2, 0)),
        (ConvSpec(192, 1), ConvSpec(192, (1, 7)), ConvSpec(192, (7, 1)), ConvSpec(192, 3, 2, 0)),
    )
    blocks: list[ReductionBlock | InceptionEBlock] = [
        ReductionBlock(in_features, reduction, rngs=rngs)
    ]
    for _ in range(2):
        blocks.append(InceptionEBlock(blocks[-1].out_features, rngs=rngs))
    return blocks


class InceptionV3(nnx.Module):
    """A stem of five convolutions, three stages of blocks, mean, dropout, linear head.

    Designed for images of 299x299 pixels. `last_stage` is the stage before the head; later ones
    are left out.
    """

    min_size = 75

    def __init__(
        self,
        *,
        in_features: int,
        out_features: int,
        dropout: float = 0.5,
        last_stage: str = "",
        rngs: nnx.Rngs,
    ):
        names = ("stem", "stage1", "stage2", "stage3")
        self.stage_names = backbone.truncate_stages(names, last_stage)
        stem = nnx.List()
        for index, layer in enumerate(conv_branch(in_features, STEM, rngs)):
            stem.append(layer)
            if index in POOLED_AFTER:
                stem.append(Lambda(max_pool, kernel_size=3, strides=2))
        self.stage_layers = nnx.List([stem])
        width = STEM[-1].features
        for make_stage in (make_stage1, make_stage2, make_stage3)[: len(self.stage_names) - 1]:
            blocks = nnx.List(make_stage(width, rngs))
            width = blocks[-1].out_features
            self.stage_layers.append(blocks)
        self.mean = Lambda(global_pool)
        self.dropout = Dropout(dropout, rngs=rngs)
        self.head = Linear(width, out_features, rngs=rngs)

    def features(self, x: Array) -> dict[str, Array]:
        """The feature maps after "stem" and "stage1" to "stage3"."""
        backbone.check_min_size(x, self.min_size, "Inception-v3")
        return backbone.stage_outputs(self.stage_names, self.stage_layers, x)

    def stages(self) -> dict[str, tuple[str, ...]]:
        """The modules of each stage, from input to output."""
        return backbone.stage_modules(self.stage_names)

    def __call__(self, x: Array) -> Array:
        last = self.features(x)[self.stage_names[-1]]
        return self.head(self.dropout(self.mean(last)))
