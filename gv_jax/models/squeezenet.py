"""SqueezeNet 1.1: Iandola et al. 2016, arXiv:1602.07360; 1.1 is https://github.com/forresti/SqueezeNet."""

from flax import nnx
from jax import Array
from jax import numpy as jnp

from gv_jax.models import backbone
from gv_jax.models.dropout import Dropout
from gv_jax.models.layers import Lambda, conv, he_fan_in, relu
from gv_jax.models.ops.pooling import global_pool, max_pool

STEM_FEATURES = 64  # features of the stem
FIRE_STAGES = (  # by unit: squeezed features, and those of each of the two branches
    ((16, 64), (16, 64)),
    ((32, 128), (32, 128)),
    ((48, 192), (48, 192), (64, 256), (64, 256)),
)
STAGE_NAMES = ("stem", "stage1", "stage2", "stage3")


class Fire(nnx.Module):
    """s = relu(squeeze(x)), then relu of a 1x1 and of a 3x3 convolution of s side by side; fig. 1."""

    def __init__(self, inputs: int, squeezed: int, features: int, *, rngs: nnx.Rngs):
        self.squeeze = conv(inputs, squeezed, 1, bias=True, init=he_fan_in, rngs=rngs)
        self.expand1 = conv(squeezed, features, 1, bias=True, init=he_fan_in, rngs=rngs)
        self.expand3 = conv(squeezed, features, 3, bias=True, init=he_fan_in, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        x = relu(self.squeeze(x))
        return relu(jnp.concatenate([self.expand1(x), self.expand3(x)], -1))  # [n h w 2f]


class SqueezeNet(nnx.Module):
    """A strided stem, three stages of fire units, each after a 3x3/2 max-pooling, and a 1x1 convolution as head.

    torchvision's: poolings round up, logits are means over all pixels of what a ReLU leaves of the head's answer.
    Pictures are 17 pixels at least; fewer stages take smaller ones too.
    """

    smallest = 17

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
        stem = conv(inputs, STEM_FEATURES, 3, 2, padding=0, bias=True, init=he_fan_in, rngs=rngs)
        self.stages = nnx.List()
        self.stages.append(nnx.List([stem, Lambda(relu)]))
        width = STEM_FEATURES
        for widths in FIRE_STAGES[: len(self.names) - 1]:
            layers = nnx.List()
            layers.append(Lambda(max_pool, size=3, strides=2, ceil=True))
            for squeezed, features in widths:
                layers.append(Fire(width, squeezed, features, rngs=rngs))
                width = 2 * features
            self.stages.append(layers)
        self.dropout = Dropout(dropout, rngs=rngs)
        self.head = conv(
            width, classes, 1, bias=True, init=nnx.initializers.normal(0.01), rngs=rngs
        )
        self.mean = Lambda(global_pool)

    def features(self, x: Array) -> dict[str, Array]:
        """The maps after the stem and after every stage: "stem", "stage1" to "stage3"."""
        backbone.check_min_size(x, self.smallest, "SqueezeNet")
        return backbone.stage_outputs(self.names, self.stages, x)

    def parts(self) -> dict[str, tuple[str, ...]]:
        """Which modules make each stage, from input to output."""
        return backbone.stage_modules(self.names)

    def __call__(self, x: Array) -> Array:
        last = self.features(x)[self.names[-1]]
        return self.mean(relu(self.head(self.dropout(last))))
