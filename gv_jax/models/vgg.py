"""VGG: Simonyan & Zisserman 2015, "Very deep convolutional networks for large-scale image recognition",
arXiv:1409.1556."""

from flax import nnx
from jax import Array

from gv_jax.models import backbone
from gv_jax.models.dropout import Dropout
from gv_jax.models.layers import ConvNormAct, Lambda, conv, dense, he_fan_in, relu
from gv_jax.models.ops.pooling import adaptive_pool, global_pool, max_pool

VGG16_STAGES = (
    (64, 64),
    (128, 128),
    (256, 256, 256),
    (512, 512, 512),
    (512, 512, 512),
)  # column D: VGG-16
STAGE_NAMES = ("stage1", "stage2", "stage3", "stage4", "stage5", "dense1", "dense2")
POOL_GRID = 7  # what the first dense layer sees of the last map
DENSE_FEATURES = 4096  # features of the dense layers


class VGGUnit(nnx.Module):
    """relu(conv(x))."""

    def __init__(self, inputs: int, features: int, size: int, *, rngs: nnx.Rngs):
        self.conv = conv(inputs, features, size, bias=True, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        return relu(self.conv(x))


class VGGNormUnit(ConvNormAct):
    """relu(norm(conv(x))), the convolution with a bias, as torchvision's."""

    def __init__(self, inputs: int, features: int, size: int, *, rngs: nnx.Rngs):
        super().__init__(inputs, features, size, bias=True, rngs=rngs)


class VGG(nnx.Module):
    """Five stages of 3x3 convolutions, each halved by max-pooling, two dense layers and a linear head.

    torchvision's VGG-16: for pictures of any size the first dense layer sees means over a grid of 7x7, and both
    dense layers are convolutions that cover their input. Pictures are 32 pixels at least.
    """

    smallest = 32

    def __init__(
        self,
        unit: type[VGGUnit] | type[VGGNormUnit],
        *,
        inputs: int,
        classes: int,
        dropout: float = 0.5,
        last_stage: str = "",
        rngs: nnx.Rngs,
    ):
        self.names = tuple(backbone.truncate_stages(STAGE_NAMES, last_stage))
        self.unit = unit
        self.stages = nnx.List()
        width = inputs
        for widths in VGG16_STAGES[: len(self.names)]:
            units = nnx.List()
            for features in widths:
                units.append(unit(width, features, 3, rngs=rngs))
                width = features
            units.append(Lambda(max_pool, size=2))
            self.stages.append(units)
        if "dense1" in self.names:
            cover = conv(
                width, DENSE_FEATURES, POOL_GRID, padding=0, bias=True, init=he_fan_in, rngs=rngs
            )
            self.stages.append(
                nnx.List([Lambda(adaptive_pool, bins=POOL_GRID), cover, Lambda(relu)])
            )
            width = DENSE_FEATURES
        if "dense2" in self.names:
            layer = conv(DENSE_FEATURES, DENSE_FEATURES, 1, bias=True, init=he_fan_in, rngs=rngs)
            self.stages.append(nnx.List([Dropout(dropout, rngs=rngs), layer, Lambda(relu)]))
        self.mean = Lambda(global_pool)
        self.dropout = Dropout(dropout, rngs=rngs)
        self.head = dense(width, classes, rngs=rngs)

    def features(self, x: Array) -> dict[str, Array]:
        """The maps after every stage, pooled, and what the dense layers make of them: [n 1 1 4096]."""
        backbone.check_min_size(x, self.smallest, "VGG")
        return backbone.stage_outputs(self.names, self.stages, x)

    def parts(self) -> dict[str, tuple[str, ...]]:
        """Which modules make each stage, from input to output."""
        return backbone.stage_modules(self.names)

    def __call__(self, x: Array) -> Array:
        last = self.features(x)[self.names[-1]]
        return self.head(self.dropout(self.mean(last)))
