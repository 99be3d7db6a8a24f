"""Inception: Szegedy et al. 2015, "Going deeper with convolutions", for small images.

arXiv:1409.4842.
"""

from collections.abc import Sequence

from flax import nnx
from jax import Array
from jax import numpy as jnp

from gv_jax.models import backbone
from gv_jax.models.dropout import Dropout
from gv_jax.models.layers import ConvNormAct, Lambda, Linear
from gv_jax.models.ops.pooling import global_pool, max_pool

# Table 1 of the paper, by stage: features of the 1x1 branch, of the 3x3 branch (reduced, output),
# of the 5x5 branch (reduced, output), and of the pooling branch.
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
    """Concatenated branches: 1x1; 1x1 and 3x3; 1x1 and 5x5; 3x3 max-pooling and 1x1; fig. 2b."""

    def __init__(self, in_features: int, widths: Sequence[int], *, rngs: nnx.Rngs):
        one, reduced3, three, reduced5, five, pooled = widths
        self.one = ConvNormAct(in_features, one, 1, rngs=rngs)
        self.reduce3 = ConvNormAct(in_features, reduced3, 1, rngs=rngs)
        self.three = ConvNormAct(reduced3, three, 3, rngs=rngs)
        self.reduce5 = ConvNormAct(in_features, reduced5, 1, rngs=rngs)
        self.five = ConvNormAct(reduced5, five, 5, rngs=rngs)
        self.project = ConvNormAct(in_features, pooled, 1, rngs=rngs)
        self.out_features = one + three + five + pooled

    def __call__(self, x: Array) -> Array:
        branches = [
            self.one(x),
            self.three(self.reduce3(x)),
            self.five(self.reduce5(x)),
            self.project(max_pool(x, 3, 1, padding=1)),
        ]
        return jnp.concatenate(branches, -1)


class Inception(nnx.Module):
    """The paper's nine blocks at half their width, with batch normalization, behind a small stem.

    The paper's stem leaves 2x2 pixels of a 32x32 image before the first block. This one keeps
    16x16; the three stages have 16x16, 8x8 and 4x4. About 1.5 million parameters. `last_stage` is
    the stage before the head; later ones are left out.
    """

    min_size = 1

    def __init__(
        self,
        *,
        in_features: int,
        out_features: int,
        dropout: float = 0.4,
        last_stage: str = "",
        rngs: nnx.Rngs,
    ):
        names = ["stem", *(f"stage{number}" for number in range(1, len(INCEPTION_STAGES) + 1))]
        self.stage_names = backbone.truncate_stages(names, last_stage)
        width = 64
        self.stem = ConvNormAct(in_features, width, 3, rngs=rngs)
        self.stage_layers = nnx.List()
        for stage in INCEPTION_STAGES[: len(self.stage_names) - 1]:
            blocks = nnx.List()
            blocks.append(Lambda(max_pool, kernel_size=3, strides=2, padding=1))
            for widths in stage:
                half = [features // 2 for features in widths]
                blocks.append(GoogLeNetBlock(width, half, rngs=rngs))
                width = blocks[-1].out_features
            self.stage_layers.append(blocks)
        self.mean = Lambda(global_pool)
        self.dropout = Dropout(dropout, rngs=rngs)
        self.head = Linear(width, out_features, rngs=rngs)

    def features(self, x: Array) -> dict[str, Array]:
        """The feature maps after "stem" and "stage1" to "stage3"."""
        x = self.stem(x)
        return {"stem": x, **backbone.stage_outputs(self.stage_names[1:], self.stage_layers, x)}

    def stages(self) -> dict[str, tuple[str, ...]]:
        """The modules of each stage, from input to output."""
        return {"stem": ("stem",), **backbone.stage_modules(self.stage_names[1:])}

    def __call__(self, x: Array) -> Array:
        last = self.features(x)[self.stage_names[-1]]
        return self.head(self.dropout(self.mean(last)))
