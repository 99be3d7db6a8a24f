"""Inception: Szegedy et al. 2015, "Going deeper with convolutions", arXiv:1409.4842, for small pictures."""

from flax import nnx
from jax import Array
from jax import numpy as jnp

from gv_jax.models import backbone
from gv_jax.models.dropout import Dropout
from gv_jax.models.layers import ConvNormAct, Lambda, dense
from gv_jax.models.ops.pooling import global_pool, max_pool

# Table 1 of the paper, by stage: features of the 1x1 branch, of the 3x3 branch (reduced, result), of the 5x5
# branch (reduced, result), and of the pooling branch.
INCEPTION_STAGES = (
    ((64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64)),
    (
        (192, 96, 208, 16, 48, 64),
        (160, 112, 224, 24, 64, 64),
        (128, 128, 256, 24, 64, 64),
        (112, 144, 288, 32, 64, 64),
        (256, 160, 320, 32, 128, 128),
    ),
    ((256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128)),
)


class GoogLeNetBlock(nnx.Module):
    """Four branches side by side: 1x1; 1x1 and 3x3; 1x1 and 5x5; 3x3 max-pooling and 1x1; fig. 2b."""

    def __init__(self, inputs: int, widths: tuple[int, int, int, int, int, int], *, rngs: nnx.Rngs):
        one, reduced3, three, reduced5, five, pooled = widths
        self.one = ConvNormAct(inputs, one, 1, rngs=rngs)
        self.reduce3 = ConvNormAct(inputs, reduced3, 1, rngs=rngs)
        self.three = ConvNormAct(reduced3, three, 3, rngs=rngs)
        self.reduce5 = ConvNormAct(inputs, reduced5, 1, rngs=rngs)
        self.five = ConvNormAct(reduced5, five, 5, rngs=rngs)
        self.project = ConvNormAct(inputs, pooled, 1, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        branches = [
            self.one(x),
            self.three(self.reduce3(x)),
            self.five(self.reduce5(x)),
            self.project(max_pool(x, 3, 1, padding=1)),
        ]
        return jnp.concatenate(branches, -1)


class Inception(nnx.Module):
    """The paper's nine inception units at half their width, with batch normalisation, behind a small stem.

    The paper's stem leaves 2x2 pixels of a 32x32 picture before the first unit; this one keeps 16x16, and the
    three stages see 16x16, 8x8 and 4x4. About 1.5 million parameters. The head stands on `last_stage`, the last of
    all where it is empty; later stages are left out.
    """

    smallest = 1

    def __init__(
        self,
        *,
        inputs: int,
        classes: int,
        dropout: float = 0.4,
        last_stage: str = "",
        rngs: nnx.Rngs,
    ):
        self.names = tuple(
            backbone.truncate_stages(("stem", "stage1", "stage2", "stage3"), last_stage)
        )
        self.stem = ConvNormAct(inputs, 64, 3, rngs=rngs)
        self.pools = nnx.List(
            [Lambda(max_pool, size=3, strides=2, padding=1) for _ in self.names[1:]]
        )
        width = 64
        self.stages = nnx.List()
        for stage in INCEPTION_STAGES[: len(self.names) - 1]:
            units = nnx.List()
            for widths in stage:
                one, reduced3, three, reduced5, five, pooled = (
                    features // 2 for features in widths
                )
                units.append(
                    GoogLeNetBlock(width, (one, reduced3, three, reduced5, five, pooled), rngs=rngs)
                )
                width = one + three + five + pooled
            self.stages.append(units)
        self.mean = Lambda(global_pool)
        self.dropout = Dropout(dropout, rngs=rngs)
        self.head = dense(width, classes, rngs=rngs)

    def features(self, x: Array) -> dict[str, Array]:
        """The maps after the stem and after every stage: "stem", "stage1" to "stage3"."""
        x = self.stem(x)
        maps = {"stem": x}
        for name, pool, units in zip(self.names[1:], self.pools, self.stages, strict=True):
            x = pool(x)
            for unit in units:
                x = unit(x)
            maps[name] = x
        return maps

    def parts(self) -> dict[str, tuple[str, ...]]:
        """Which modules make each stage, from input to output."""
        stages = {name: (f"stages.{index}",) for index, name in enumerate(self.names[1:])}
        return {"stem": ("stem",), **stages, "head": ("head",)}

    def __call__(self, x: Array) -> Array:
        last = self.features(x)[self.names[-1]]
        return self.head(self.dropout(self.mean(last)))
