"""VGG: Simonyan & Zisserman 2015, "Very deep convolutional networks for large-scale image
recognition", arXiv:1409.1556.
"""

from functools import partial

from flax import nnx
from jax import Array

from gv_jax.models import backbone
from gv_jax.models.dropout import Dropout
from gv_jax.models.layers import Conv, ConvNormAct, Lambda, Linear, he_fan_in, relu
from gv_jax.models.ops.pooling import adaptive_pool, global_pool, max_pool

VGG16_STAGES = (  # column D: features of each convolution
    (64, 64),
    (128, 128),
    (256, 256, 256),
    (512, 512, 512),
    (512, 512, 512),
)
VGG_STAGE_NAMES = ("stage1", "stage2", "stage3", "stage4", "stage5", "dense1", "dense2")
POOL_GRID = 7  # the first dense layer takes means over a grid of 7x7 cells
DENSE_FEATURES = 4096


class ConvAct(nnx.Module):
    """relu(conv(x))."""

    def __init__(
        self,
        in_features: int,
        out_features: int,
        kernel_size: int,
        *,
        use_bias: bool,
        rngs: nnx.Rngs,
    ):
        self.conv = Conv(in_features, out_features, kernel_size, use_bias=use_bias, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        return relu(self.conv(x))


class VGG(nnx.Module):
    """Five stages of 3x3 convolutions and a max-pooling, two dense layers, a linear head.

    torchvision's VGG-16. For images of any size, the first dense layer takes means over a grid of
    7x7 cells, and both dense layers are convolutions that cover their input. With ConvNormAct as
    its block it is `vgg16_bn`.
    """

    min_size = 32

    def __init__(
        self,
        block: type[ConvAct] | type[ConvNormAct],
        *,
        in_features: int,
        out_features: int,
        dropout: float = 0.5,
        last_stage: str = "",
        rngs: nnx.Rngs,
    ):
        self.stage_names = backbone.truncate_stages(VGG_STAGE_NAMES, last_stage)
        self.block = block
        self.stage_layers = nnx.List()
        width = in_features
        for widths in VGG16_STAGES[: len(self.stage_names)]:
            blocks = nnx.List()
            for features in widths:
                blocks.append(block(width, features, 3, use_bias=True, rngs=rngs))
                width = features
            blocks.append(Lambda(max_pool, kernel_size=2))
            self.stage_layers.append(blocks)
        make_dense = partial(Conv, use_bias=True, kernel_init=he_fan_in, rngs=rngs)
        if "dense1" in self.stage_names:
            pool = Lambda(adaptive_pool, bins=POOL_GRID)
            dense = make_dense(width, DENSE_FEATURES, POOL_GRID, padding=0)
            self.stage_layers.append(nnx.List([pool, dense, Lambda(relu)]))
            width = DENSE_FEATURES
        if "dense2" in self.stage_names:
            dense = make_dense(DENSE_FEATURES, DENSE_FEATURES, 1)
            self.stage_layers.append(nnx.List([Dropout(dropout, rngs=rngs), dense, Lambda(relu)]))
        self.mean = Lambda(global_pool)
        self.dropout = Dropout(dropout, rngs=rngs)
        self.head = Linear(width, out_features, rngs=rngs)

    def features(self, x: Array) -> dict[str, Array]:
        """The pooled maps after "stage1" to "stage5", then "dense1" and "dense2" [n 1 1 4096]."""
        backbone.check_min_size(x, self.min_size, "VGG")
        return backbone.stage_outputs(self.stage_names, self.stage_layers, x)

    def stages(self) -> dict[str, tuple[str, ...]]:
        """The modules of each stage, from input to output."""
        return backbone.stage_modules(self.stage_names)

    def __call__(self, x: Array) -> Array:
        last = self.features(x)[self.stage_names[-1]]
        return self.head(self.dropout(self.mean(last)))
