"""A U-Net that predicts velocities, after Ho et al. 2020, arXiv:2006.11239, appendix B.

Smaller, for images of 16 to 64 pixels: pixels are folded 2x2 into channels, there are two scales,
skip connections are added, and times, class and tiling modulate a layer norm (Dhariwal & Nichol
2021, arXiv:2105.05233, section 3). Layouts are further channels of the images.
"""

from collections.abc import Sequence

from flax import nnx
from jax import Array

from gv_jax.models.diffusion.condition import Condition, Modulation, modulate
from gv_jax.models.diffusion.flow_inputs import FlowInputs, append_layouts
from gv_jax.models.diffusion.wrap_conv import WrapConv
from gv_jax.models.layers import Conv, Lambda, pixel_shuffle
from gv_jax.models.normalization import LayerNorm
from gv_jax.models.ops.silu import silu
from gv_jax.models.vit import Attention

FOLD = 2  # side of the squares of pixels that become one
CONDITION_WIDTH = 256
BLOCKS = 2  # per scale and direction

zeros = nnx.initializers.zeros_init()


class ConditionedBlock(nnx.Module):
    """x + conv2(silu(modulate(norm2(conv1(silu(norm1(x))))))), by the condition."""

    def __init__(self, num_features: int, *, rngs: nnx.Rngs):
        self.norm1 = LayerNorm(num_features)
        self.conv1 = WrapConv(num_features, num_features, rngs=rngs)
        self.norm2 = LayerNorm(num_features)
        self.modulation = Modulation(CONDITION_WIDTH, num_features, 2, rngs=rngs)
        self.conv2 = WrapConv(num_features, num_features, kernel_init=zeros, rngs=rngs)

    def __call__(self, x: Array, condition: Array, wraps: Array) -> Array:
        scale, shift = self.modulation(condition)
        y = self.conv1(silu(self.norm1(x)), wraps)
        return x + self.conv2(silu(modulate(self.norm2(y), scale, shift)), wraps)


class AttentionBlock(nnx.Module):
    """x + attn(norm(x)), every pixel attending to all."""

    def __init__(self, num_features: int, *, rngs: nnx.Rngs):
        self.norm = LayerNorm(num_features)
        self.attn = Attention(num_features, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        n, h, w, c = x.shape
        return x + self.attn(self.norm(x).reshape(n, h * w, c)).reshape(x.shape)


class VelocityUNet(nnx.Module):
    """Predicts the velocity [n h w c] of `FlowInputs`; h and w are multiples of 4."""

    multiple = 2 * FOLD

    def __init__(
        self, widths: Sequence[int], *, in_features: int, num_classes: int, rngs: nnx.Rngs
    ):
        """Draws the weights.

        Args:
            widths: features at 1/2 and at 1/4 of the resolution.
            in_features: channels of the images.
            num_classes: classes of the images.
            rngs: random streams.
        """
        fine, coarse = widths
        self.condition = Condition(num_classes, CONDITION_WIDTH, rngs=rngs)
        self.fold = Lambda(fold_pixels, scale=FOLD)
        self.stem = WrapConv(2 * in_features * FOLD**2, fine, rngs=rngs)
        self.down = nnx.List(ConditionedBlock(fine, rngs=rngs) for _ in range(BLOCKS))
        self.shrink = Conv(fine, coarse, 2, 2, padding=0, use_bias=True, rngs=rngs)
        self.middle, self.attention = nnx.List(), nnx.List()
        for _ in range(BLOCKS):
            self.middle.append(ConditionedBlock(coarse, rngs=rngs))
            self.attention.append(AttentionBlock(coarse, rngs=rngs))
        self.last_middle = ConditionedBlock(coarse, rngs=rngs)
        self.grow = Conv(coarse, fine * 4, 1, use_bias=True, rngs=rngs)
        self.shuffle = Lambda(pixel_shuffle, scale=2)
        self.up = nnx.List(ConditionedBlock(fine, rngs=rngs) for _ in range(BLOCKS))
        self.norm = LayerNorm(fine)
        self.head = WrapConv(fine, in_features * FOLD**2, kernel_init=zeros, rngs=rngs)
        self.unfold = Lambda(pixel_shuffle, scale=FOLD)

    def __call__(self, inputs: FlowInputs) -> Array:
        wraps, condition = inputs.wraps, self.condition(inputs)
        x = self.stem(self.fold(append_layouts(inputs)), wraps)  # [n h/2 w/2 fine]
        for block in self.down:
            x = block(x, condition, wraps)
        y = self.shrink(x)  # [n h/4 w/4 coarse]
        for block, attention in zip(self.middle, self.attention, strict=True):
            y = attention(block(y, condition, wraps))
        y = self.last_middle(y, condition, wraps)
        x = x + self.shuffle(self.grow(y))  # [n h/2 w/2 fine]
        for block in self.up:
            x = block(x, condition, wraps)
        return self.unfold(self.head(silu(self.norm(x)), wraps))


def fold_pixels(x: Array, scale: int) -> Array:
    """[n h w c] -> [n h/scale w/scale c*scale^2], the inverse of `pixel_shuffle`."""
    n, h, w, c = x.shape
    x = x.reshape(n, h // scale, scale, w // scale, scale, c)
    return x.transpose(0, 1, 3, 5, 2, 4).reshape(n, h // scale, w // scale, c * scale**2)
