"""Inception-v3: Szegedy et al. 2016, "Rethinking the Inception architecture", arXiv:1512.00567; torchvision's.

Without the auxiliary head. Each unit is branches side by side; a branch is convolutions one after the other, said as
(features, kernel), strides and padding added where they are not those that keep the size.
"""

from collections.abc import Sequence
from typing import NamedTuple

from flax import nnx
from jax import Array
from jax import numpy as jnp

from gv_jax.models import backbone
from gv_jax.models.dropout import Dropout
from gv_jax.models.layers import ConvNormAct, Lambda, dense
from gv_jax.models.ops.pooling import avg_pool, global_pool, max_pool

BN_EPSILON = 1e-3  # of every norm


class ConvSpec(NamedTuple):
    """One convolution of a branch; by default the size is kept."""

    features: int
    size: int | tuple[int, int]
    strides: int = 1
    padding: int | None = None


ONE_BY_SEVEN, SEVEN_BY_ONE, ONE_BY_THREE, THREE_BY_ONE = (1, 7), (7, 1), (1, 3), (3, 1)
STEM = (
    ConvSpec(32, 3, 2, 0),
    ConvSpec(32, 3, 1, 0),
    ConvSpec(64, 3),
    ConvSpec(80, 1),
    ConvSpec(192, 3, 1, 0),
)
POOLED_AFTER = (2, 4)  # convolutions of the stem after which a 3x3/2 max-pooling comes
STAGE_NAMES = ("stem", "stage1", "stage2", "stage3")


def conv_branch(inputs: int, steps: Sequence[ConvSpec], rngs: nnx.Rngs) -> nnx.List:
    """The convolutions of a branch."""
    layers = nnx.List()
    for step in steps:
        layers.append(
            ConvNormAct(
                inputs,
                step.features,
                step.size,
                step.strides,
                padding=step.padding,
                epsilon=BN_EPSILON,
                rngs=rngs,
            )
        )
        inputs = step.features
    return layers


def apply_layers(layers: nnx.List, x: Array) -> Array:
    for layer in layers:
        x = layer(x)
    return x


class InceptionBlock(nnx.Module):
    """Branches, and last a 1x1 convolution of 3x3 means, side by side; figs. 5 and 6. The size is kept."""

    def __init__(
        self, inputs: int, branches: Sequence[Sequence[ConvSpec]], pooled: int, *, rngs: nnx.Rngs
    ):
        self.branches = nnx.List([conv_branch(inputs, steps, rngs) for steps in branches])
        self.project = conv_branch(inputs, [ConvSpec(pooled, 1)], rngs)
        self.outputs = sum(steps[-1].features for steps in branches) + pooled

    def __call__(self, x: Array) -> Array:
        mean = avg_pool(x, 3, 1, padding=1)
        return jnp.concatenate(
            [
                *(apply_layers(layers, x) for layers in self.branches),
                apply_layers(self.project, mean),
            ],
            -1,
        )


class ReductionBlock(nnx.Module):
    """Branches that end in a stride of 2, and last the 3x3/2 maximum of the input, side by side; fig. 10."""

    def __init__(self, inputs: int, branches: Sequence[Sequence[ConvSpec]], *, rngs: nnx.Rngs):
        self.branches = nnx.List([conv_branch(inputs, steps, rngs) for steps in branches])
        self.outputs = sum(steps[-1].features for steps in branches) + inputs

    def __call__(self, x: Array) -> Array:
        return jnp.concatenate(
            [*(apply_layers(layers, x) for layers in self.branches), max_pool(x, 3, 2)], -1
        )


class InceptionEBlock(nnx.Module):
    """As ParallelUnit, but two of the branches end in a 1x3 and a 3x1 convolution side by side; fig. 7."""

    def __init__(self, inputs: int, *, rngs: nnx.Rngs):
        self.one = conv_branch(inputs, [ConvSpec(320, 1)], rngs)
        self.three = conv_branch(inputs, [ConvSpec(384, 1)], rngs)
        self.double = conv_branch(inputs, [ConvSpec(448, 1), ConvSpec(384, 3)], rngs)
        self.three_ends, self.double_ends = (
            nnx.List(
                [
                    conv_branch(384, [ConvSpec(384, size)], rngs)
                    for size in (ONE_BY_THREE, THREE_BY_ONE)
                ]
            )
            for _ in range(2)
        )
        self.project = conv_branch(inputs, [ConvSpec(192, 1)], rngs)
        self.outputs = 320 + 4 * 384 + 192

    def __call__(self, x: Array) -> Array:
        three, double = apply_layers(self.three, x), apply_layers(self.double, x)
        ends = [apply_layers(layers, three) for layers in self.three_ends]
        ends += [apply_layers(layers, double) for layers in self.double_ends]
        mean = avg_pool(x, 3, 1, padding=1)
        return jnp.concatenate(
            [apply_layers(self.one, x), *ends, apply_layers(self.project, mean)], -1
        )


def make_stage1(inputs: int, rngs: nnx.Rngs) -> list[InceptionBlock]:
    """At 35x35 for pictures of 299x299."""
    branches = (
        (ConvSpec(64, 1),),
        (ConvSpec(48, 1), ConvSpec(64, 5)),
        (ConvSpec(64, 1), ConvSpec(96, 3), ConvSpec(96, 3)),
    )
    units = []
    for pooled in (32, 64, 64):
        units.append(InceptionBlock(inputs, branches, pooled, rngs=rngs))
        inputs = units[-1].outputs
    return units


def make_stage2(inputs: int, rngs: nnx.Rngs) -> list[ReductionBlock | InceptionBlock]:
    """At 17x17."""
    halving = ((ConvSpec(384, 3, 2, 0),), (ConvSpec(64, 1), ConvSpec(96, 3), ConvSpec(96, 3, 2, 0)))
    units: list[ReductionBlock | InceptionBlock] = [ReductionBlock(inputs, halving, rngs=rngs)]
    for width in (128, 160, 160, 192):
        single = (ConvSpec(width, 1), ConvSpec(width, ONE_BY_SEVEN), ConvSpec(192, SEVEN_BY_ONE))
        double = (
            ConvSpec(width, 1),
            ConvSpec(width, SEVEN_BY_ONE),
            ConvSpec(width, ONE_BY_SEVEN),
            ConvSpec(width, SEVEN_BY_ONE),
        )
        branches = ((ConvSpec(192, 1),), single, (*double, ConvSpec(192, ONE_BY_SEVEN)))
        units.append(InceptionBlock(units[-1].outputs, branches, 192, rngs=rngs))
    return units


def make_stage3(inputs: int, rngs: nnx.Rngs) -> list[ReductionBlock | InceptionEBlock]:
    """At 8x8."""
    seven = (
        ConvSpec(192, 1),
        ConvSpec(192, ONE_BY_SEVEN),
        ConvSpec(192, SEVEN_BY_ONE),
        ConvSpec(192, 3, 2, 0),
    )
    units: list[ReductionBlock | InceptionEBlock] = [
        ReductionBlock(inputs, ((ConvSpec(192, 1), ConvSpec(320, 3, 2, 0)), seven), rngs=rngs)
    ]
    for _ in range(2):
        units.append(InceptionEBlock(units[-1].outputs, rngs=rngs))
    return units


class InceptionV3(nnx.Module):
    """A stem of five convolutions, three stages of units, mean, dropout, linear head; made for 299x299 pixels.

    Pictures are 75 pixels at least.
    """

    smallest = 75

    def __init__(
        self,
        *,
        inputs: int,
        classes: int,
        dropout: float = 0.5,
        last_stage: str = "",
        rngs: nnx.Rngs,
    ):
        self.names = tuple(backbone.truncate_stages(STAGE_NAMES, last_stage))
        stem = nnx.List()
        for number, layer in enumerate(conv_branch(inputs, STEM, rngs)):
            stem.append(layer)
            if number in POOLED_AFTER:
                stem.append(Lambda(max_pool, size=3, strides=2))
        self.stages = nnx.List([stem])
        width = STEM[-1].features
        for stage in (make_stage1, make_stage2, make_stage3)[: len(self.names) - 1]:
            units = nnx.List(stage(width, rngs))
            width = units[-1].outputs
            self.stages.append(units)
        self.mean = Lambda(global_pool)
        self.dropout = Dropout(dropout, rngs=rngs)
        self.head = dense(width, classes, rngs=rngs)

    def features(self, x: Array) -> dict[str, Array]:
        """The maps after the stem and after every stage: "stem", "stage1" to "stage3"."""
        backbone.check_min_size(x, self.smallest, "Inception-v3")
        return backbone.stage_outputs(self.names, self.stages, x)

    def parts(self) -> dict[str, tuple[str, ...]]:
        """Which modules make each stage, from input to output."""
        return backbone.stage_modules(self.names)

    def __call__(self, x: Array) -> Array:
        last = self.features(x)[self.names[-1]]
        return self.head(self.dropout(self.mean(last)))
