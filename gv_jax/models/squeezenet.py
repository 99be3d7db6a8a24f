"""SqueezeNet 1.1: Iandola et al. 2016, arXiv:1602.07360.

Version 1.1 is from https://github.com/forresti/SqueezeNet.
"""

from functools import partial

from flax import nnx
from jax import Array
from jax import numpy as jnp

from gv_jax.models import backbone
from gv_jax.models.dropout import Dropout
from gv_jax.models.layers import Conv, Lambda, he_fan_in, relu
from gv_jax.models.ops.pooling import global_pool, max_pool

STEM_WIDTH = 64
FIRE_STAGES = (  # per block: features of the squeeze layer, features of each expand layer
    ((16, 64), (16, 64)),
    ((32, 128), (32, 128)),
    ((48, 192), (48, 192), (64, 256), (64, 256)),
)


class Fire(nnx.Module):
    """relu of a 1x1 and of a 3x3 convolution of relu(squeeze(x)), concatenated; fig. 1."""

    def __init__(self, in_features: int, squeezed: int, expanded: int, *, rngs: nnx.Rngs):
        make_conv = partial(Conv, use_bias=True, kernel_init=he_fan_in, rngs=rngs)
        self.squeeze = make_conv(in_features, squeezed, 1)
        self.expand1 = make_conv(squeezed, expanded, 1)
        self.expand3 = make_conv(squeezed, expanded, 3)

    def __call__(self, x: Array) -> Array:
        x = relu(self.squeeze(x))
        return relu(jnp.concatenate([self.expand1(x), self.expand3(x)], -1))  # [n h w 2f]


class SqueezeNet(nnx.Module):
    """A strided stem, three stages of a 3x3/2 max-pooling and fire blocks, a 1x1 convolution.

    As torchvision's: poolings round up, and logits are means over all pixels of the ReLU of the
    last convolution. Fewer stages take smaller images than `min_size`.
    """

    min_size = 17

    def __init__(
        self,
        *,
        in_features: int,
        out_features: int,
        dropout: float = 0.5,
        last_stage: str = "",
        rngs: nnx.Rngs,
    ):
        names = ["stem", *(f"stage{number}" for number in range(1, len(FIRE_STAGES) + 1))]
        self.stage_names = backbone.truncate_stages(names, last_stage)
        make_conv = partial(Conv, use_bias=True, rngs=rngs)
        width = STEM_WIDTH
        stem = make_conv(in_features, width, 3, 2, padding=0, kernel_init=he_fan_in)
        self.stage_layers = nnx.List()
        self.stage_layers.append(nnx.List([stem, Lambda(relu)]))
        for widths in FIRE_STAGES[: len(self.stage_names) - 1]:
            layers = nnx.List()
            layers.append(Lambda(max_pool, kernel_size=3, strides=2, ceil=True))
            for squeezed, expanded in widths:
                layers.append(Fire(width, squeezed, expanded, rngs=rngs))
                width = 2 * expanded
            self.stage_layers.append(layers)
        self.dropout = Dropout(dropout, rngs=rngs)
        init = nnx.initializers.normal(0.01)
        self.head = make_conv(width, out_features, 1, kernel_init=init)
        self.mean = Lambda(global_pool)

    def features(self, x: Array) -> dict[str, Array]:
        """The feature maps after "stem" and "stage1" to "stage3"."""
        backbone.check_min_size(x, self.min_size, "SqueezeNet")
        return backbone.stage_outputs(self.stage_names, self.stage_layers, x)

    def stages(self) -> dict[str, tuple[str, ...]]:
        """The modules of each stage, from input to output."""
        return backbone.stage_modules(self.stage_names)

    def __call__(self, x: Array) -> Array:
        last = self.features(x)[self.stage_names[-1]]
        return self.mean(relu(self.head(self.dropout(last))))
