"""Inception-v3: Szegedy et al. 2016, "Rethinking the Inception architecture", arXiv:1512.00567; torchvision's.

Without the auxiliary head. Each unit is branches side by side; a branch is convolutions one after the other, said as
(features, kernel), strides and padding added where they are not those that keep the size.
"""

from collections.abc import Sequence
from typing import NamedTuple

from flax import nnx
from jax import Array
from jax import numpy as jnp

from gv_jax.models import trunk
from gv_jax.models.dropout import Dropout
from gv_jax.models.layers import ConvUnit, Layer, dense
from gv_jax.models.pooling import avg_pool, global_pool, max_pool

EPSILON = 1e-3  # of every norm


class Step(NamedTuple):
    """One convolution of a branch; by default the size is kept."""

    features: int
    size: int | tuple[int, int]
    strides: int = 1
    padding: int | None = None


ONE_BY_SEVEN, SEVEN_BY_ONE, ONE_BY_THREE, THREE_BY_ONE = (1, 7), (7, 1), (1, 3), (3, 1)
STEM = (Step(32, 3, 2, 0), Step(32, 3, 1, 0), Step(64, 3), Step(80, 1), Step(192, 3, 1, 0))
POOLED_AFTER = (2, 4)  # convolutions of the stem after which a 3x3/2 max-pooling comes
NAMES = ("stem", "stage1", "stage2", "stage3")


def chain(inputs: int, steps: Sequence[Step], rngs: nnx.Rngs) -> nnx.List:
    """The convolutions of a branch."""
    layers = nnx.List()
    for step in steps:
        layers.append(
            ConvUnit(inputs, step.features, step.size, step.strides, padding=step.padding, epsilon=EPSILON, rngs=rngs)
        )
        inputs = step.features
    return layers


def through(layers: nnx.List, x: Array) -> Array:
    for layer in layers:
        x = layer(x)
    return x


class ParallelUnit(nnx.Module):
    """Branches, and last a 1x1 convolution of 3x3 means, side by side; figs. 5 and 6. The size is kept."""

    def __init__(self, inputs: int, branches: Sequence[Sequence[Step]], pooled: int, *, rngs: nnx.Rngs):
        self.branches = nnx.List([chain(inputs, steps, rngs) for steps in branches])
        self.project = chain(inputs, [Step(pooled, 1)], rngs)
        self.outputs = sum(steps[-1].features for steps in branches) + pooled

    def __call__(self, x: Array) -> Array:
        mean = avg_pool(x, 3, 1, padding=1)
        return jnp.concatenate([*(through(layers, x) for layers in self.branches), through(self.project, mean)], -1)


class HalvingUnit(nnx.Module):
    """Branches that end in a stride of 2, and last the 3x3/2 maximum of the input, side by side; fig. 10."""

    def __init__(self, inputs: int, branches: Sequence[Sequence[Step]], *, rngs: nnx.Rngs):
        self.branches = nnx.List([chain(inputs, steps, rngs) for steps in branches])
        self.outputs = sum(steps[-1].features for steps in branches) + inputs

    def __call__(self, x: Array) -> Array:
        return jnp.concatenate([*(through(layers, x) for layers in self.branches), max_pool(x, 3, 2)], -1)


class WideUnit(nnx.Module):
    """As ParallelUnit, but two of the branches end in a 1x3 and a 3x1 convolution side by side; fig. 7."""

    def __init__(self, inputs: int, *, rngs: nnx.Rngs):
        self.one = chain(inputs, [Step(320, 1)], rngs)
        self.three = chain(inputs, [Step(384, 1)], rngs)
        self.double = chain(inputs, [Step(448, 1), Step(384, 3)], rngs)
        self.three_ends, self.double_ends = (
            nnx.List([chain(384, [Step(384, size)], rngs) for size in (ONE_BY_THREE, THREE_BY_ONE)]) for _ in range(2)
        )
        self.project = chain(inputs, [Step(192, 1)], rngs)
        self.outputs = 320 + 4 * 384 + 192

    def __call__(self, x: Array) -> Array:
        three, double = through(self.three, x), through(self.double, x)
        ends = [through(layers, three) for layers in self.three_ends]
        ends += [through(layers, double) for layers in self.double_ends]
        mean = avg_pool(x, 3, 1, padding=1)
        return jnp.concatenate([through(self.one, x), *ends, through(self.project, mean)], -1)


def stage1(inputs: int, rngs: nnx.Rngs) -> list[ParallelUnit]:
    """At 35x35 for pictures of 299x299."""
    branches = ((Step(64, 1),), (Step(48, 1), Step(64, 5)), (Step(64, 1), Step(96, 3), Step(96, 3)))
    units = []
    for pooled in (32, 64, 64):
        units.append(ParallelUnit(inputs, branches, pooled, rngs=rngs))
        inputs = units[-1].outputs
    return units


def stage2(inputs: int, rngs: nnx.Rngs) -> list[HalvingUnit | ParallelUnit]:
    """At 17x17."""
    halving = ((Step(384, 3, 2, 0),), (Step(64, 1), Step(96, 3), Step(96, 3, 2, 0)))
    units: list[HalvingUnit | ParallelUnit] = [HalvingUnit(inputs, halving, rngs=rngs)]
    for width in (128, 160, 160, 192):
        single = (Step(width, 1), Step(width, ONE_BY_SEVEN), Step(192, SEVEN_BY_ONE))
        double = (Step(width, 1), Step(width, SEVEN_BY_ONE), Step(width, ONE_BY_SEVEN), Step(width, SEVEN_BY_ONE))
        branches = ((Step(192, 1),), single, (*double, Step(192, ONE_BY_SEVEN)))
        units.append(ParallelUnit(units[-1].outputs, branches, 192, rngs=rngs))
    return units


def stage3(inputs: int, rngs: nnx.Rngs) -> list[HalvingUnit | WideUnit]:
    """At 8x8."""
    seven = (Step(192, 1), Step(192, ONE_BY_SEVEN), Step(192, SEVEN_BY_ONE), Step(192, 3, 2, 0))
    units: list[HalvingUnit | WideUnit] = [HalvingUnit(inputs, ((Step(192, 1), Step(320, 3, 2, 0)), seven), rngs=rngs)]
    for _ in range(2):
        units.append(WideUnit(units[-1].outputs, rngs=rngs))
    return units


class InceptionV3(nnx.Module):
    """A stem of five convolutions, three stages of units, mean, dropout, linear head; made for 299x299 pixels.

    Pictures are 75 pixels at least.
    """

    smallest = 75

    def __init__(self, *, inputs: int, classes: int, dropout: float = 0.5, last_stage: str = "", rngs: nnx.Rngs):
        self.names = tuple(trunk.until(NAMES, last_stage))
        stem = nnx.List()
        for number, layer in enumerate(chain(inputs, STEM, rngs)):
            stem.append(layer)
            if number in POOLED_AFTER:
                stem.append(Layer(max_pool, size=3, strides=2))
        self.stages = nnx.List([stem])
        width = STEM[-1].features
        for stage in (stage1, stage2, stage3)[: len(self.names) - 1]:
            units = nnx.List(stage(width, rngs))
            width = units[-1].outputs
            self.stages.append(units)
        self.mean = Layer(global_pool)
        self.dropout = Dropout(dropout, rngs=rngs)
        self.head = dense(width, classes, rngs=rngs)

    def features(self, x: Array) -> dict[str, Array]:
        """The maps after the stem and after every stage: "stem", "stage1" to "stage3"."""
        trunk.check_size(x, self.smallest, "Inception-v3")
        return trunk.maps(self.names, self.stages, x)

    def parts(self) -> dict[str, tuple[str, ...]]:
        """Which modules make each stage, from input to output."""
        return trunk.parts(self.names)

    def __call__(self, x: Array) -> Array:
        last = self.features(x)[self.names[-1]]
        return self.head(self.dropout(self.mean(last)))
