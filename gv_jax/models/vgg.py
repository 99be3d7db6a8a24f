"""VGG: Simonyan & Zisserman 2015, "Very deep convolutional networks for large-scale image recognition",
arXiv:1409.1556."""

from flax import nnx
from jax import Array

from gv_jax.models import trunk
from gv_jax.models.dropout import Dropout
from gv_jax.models.layers import ConvUnit, Layer, conv, dense, he_inputs, relu
from gv_jax.models.pooling import adaptive_pool, global_pool, max_pool

STAGES = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))  # column D: VGG-16
NAMES = ("stage1", "stage2", "stage3", "stage4", "stage5", "dense1", "dense2")
GRID = 7  # what the first dense layer sees of the last map
HIDDEN = 4096  # features of the dense layers


class PlainUnit(nnx.Module):
    """relu(conv(x))."""

    def __init__(self, inputs: int, features: int, size: int, *, rngs: nnx.Rngs):
        self.conv = conv(inputs, features, size, bias=True, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        return relu(self.conv(x))


class NormedUnit(ConvUnit):
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
        unit: type[PlainUnit] | type[NormedUnit],
        *,
        inputs: int,
        classes: int,
        dropout: float = 0.5,
        last_stage: str = "",
        rngs: nnx.Rngs,
    ):
        self.names = tuple(trunk.until(NAMES, last_stage))
        self.unit = unit
        self.stages = nnx.List()
        width = inputs
        for widths in STAGES[: len(self.names)]:
            units = nnx.List()
            for features in widths:
                units.append(unit(width, features, 3, rngs=rngs))
                width = features
            units.append(Layer(max_pool, size=2))
            self.stages.append(units)
        if "dense1" in self.names:
            cover = conv(width, HIDDEN, GRID, padding=0, bias=True, init=he_inputs, rngs=rngs)
            self.stages.append(nnx.List([Layer(adaptive_pool, bins=GRID), cover, Layer(relu)]))
            width = HIDDEN
        if "dense2" in self.names:
            layer = conv(HIDDEN, HIDDEN, 1, bias=True, init=he_inputs, rngs=rngs)
            self.stages.append(nnx.List([Dropout(dropout, rngs=rngs), layer, Layer(relu)]))
        self.mean = Layer(global_pool)
        self.dropout = Dropout(dropout, rngs=rngs)
        self.head = dense(width, classes, rngs=rngs)

    def features(self, x: Array) -> dict[str, Array]:
        """The maps after every stage, pooled, and what the dense layers make of them: [n 1 1 4096]."""
        trunk.check_size(x, self.smallest, "VGG")
        return trunk.maps(self.names, self.stages, x)

    def parts(self) -> dict[str, tuple[str, ...]]:
        """Which modules make each stage, from input to output."""
        return trunk.parts(self.names)

    def __call__(self, x: Array) -> Array:
        last = self.features(x)[self.names[-1]]
        return self.head(self.dropout(self.mean(last)))
