"""The networks of cases.py in PyTorch: from timm where it has them, else written here.

Each has as many trainable parameters as the project's. Inputs are [n c h w].
"""

import math
import sys
from collections.abc import Callable, Sequence
from functools import partial
from types import ModuleType

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.cases import Case

# torchvision's compiled operators need CUDA libraries, which the CPU build of torch lacks. Without
# them the import fails where it registers the operators' shapes. No network uses these operators.
sys.modules.setdefault(name := "torchvision._meta_registrations", ModuleType(name))

import timm  # noqa: E402 - after the stub


def conv_norm(inputs: int, features: int, size: int, stride: int = 1) -> nn.Sequential:
    """relu(norm(conv(x))), padded so that only the stride changes the size."""
    conv = nn.Conv2d(inputs, features, size, stride, size // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(features), nn.ReLU(inplace=True))


def texture_cnn(kernel_size: int, count: int, case: Case) -> nn.Sequential:
    """`count` unpadded convolutions of 64 features with pooling, three linear layers."""
    layers: list[nn.Module] = []
    inputs, h, w = case.channels, case.height, case.width
    for _ in range(count):
        layers += [nn.Conv2d(inputs, 64, kernel_size), nn.ReLU(), nn.MaxPool2d(2)]
        inputs, h, w = 64, (h - kernel_size + 1) // 2, (w - kernel_size + 1) // 2
    layers.append(nn.Flatten())
    for width, features in ((64 * h * w, 128), (128, 64)):
        layers += [nn.Linear(width, features), nn.ReLU(), nn.Dropout()]
    return nn.Sequential(*layers, nn.Linear(64, case.outputs))


def two_layer(case: Case) -> nn.Sequential:
    """Two blocks of 3x3 convolution, norm, ReLU and pooling, a linear layer and dropout."""
    layers: list[nn.Module] = []
    for inputs, features in ((case.channels, 16), (16, 32)):
        conv = nn.Conv2d(inputs, features, 3, padding=1)
        layers += [conv, nn.BatchNorm2d(features), nn.ReLU(), nn.MaxPool2d(2)]
    width = 32 * (case.height // 4) * (case.width // 4)
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(width, case.outputs), nn.Dropout())


class InceptionBlock(nn.Module):
    """Concatenated branches: 1x1; 1x1 and 3x3; 1x1 and 5x5; 3x3 max-pooling and 1x1."""

    def __init__(self, inputs: int, widths: Sequence[int]):
        super().__init__()
        one, reduced3, three, reduced5, five, pooled = widths
        self.branches = nn.ModuleList(
            [
                conv_norm(inputs, one, 1),
                nn.Sequential(conv_norm(inputs, reduced3, 1), conv_norm(reduced3, three, 3)),
                nn.Sequential(conv_norm(inputs, reduced5, 1), conv_norm(reduced5, five, 5)),
                nn.Sequential(nn.MaxPool2d(3, 1, 1), conv_norm(inputs, pooled, 1)),
            ]
        )
        self.features = one + three + five + pooled

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.branches], 1)


INCEPTION_WIDTHS = (  # of GoogLeNet's nine blocks, in three stages; halved here
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


def inception(case: Case) -> nn.Sequential:
    """GoogLeNet's nine blocks at half their width behind one 3x3 convolution."""
    width = 64
    layers: list[nn.Module] = [conv_norm(case.channels, width, 3)]
    for stage in INCEPTION_WIDTHS:
        layers.append(nn.MaxPool2d(3, 2, 1))
        for widths in stage:
            block = InceptionBlock(width, [features // 2 for features in widths])
            layers.append(block)
            width = block.features
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.4), nn.Linear(width, case.outputs)]
    return nn.Sequential(*layers, *head)


def pad_to_multiple(x: Tensor, stride: int) -> Tensor:
    """Pads [n c h w] to sides that are multiples of `stride`, repeating the last row and column."""
    h, w = x.shape[-2:]
    return functional.pad(x, (0, -w % stride, 0, -h % stride), mode="replicate")


class Alpha(nn.Module):
    """A colorizer: an encoder and a decoder of 3x3 convolutions."""

    def __init__(self, case: Case):
        super().__init__()
        layers: list[nn.Module] = []
        inputs = case.channels
        for features, stride in ((8, 2), (8, 1), (16, 1), (16, 2), (32, 1), (32, 2)):
            layers += [nn.Conv2d(inputs, features, 3, stride, 1), nn.ReLU()]
            inputs = features
        for features in (32, 16):
            layers += [nn.Upsample(scale_factor=2), nn.Conv2d(inputs, features, 3, 1, 1), nn.ReLU()]
            inputs = features
        head = nn.Conv2d(inputs, case.outputs, 3, 1, 1)
        self.layers = nn.Sequential(*layers, nn.Upsample(scale_factor=2), head)

    def forward(self, x: Tensor) -> Tensor:
        h, w = x.shape[-2:]
        return self.layers(pad_to_multiple(x, 8))[..., :h, :w]


class UNet(nn.Module):
    """A colorizer: one block per scale down and up, with skip connections that are added."""

    def __init__(self, case: Case):
        super().__init__()
        widths = (16, 32, 64, 64, 64)
        inputs = (case.channels, *widths)
        self.down = nn.ModuleList(conv_norm(*pair, 3) for pair in zip(inputs, widths, strict=False))
        ups = list(zip(widths[:0:-1], widths[-2::-1], strict=True))
        self.lateral = nn.ModuleList(nn.Conv2d(*pair, 1, bias=False) for pair in ups)
        self.up = nn.ModuleList(conv_norm(features, features, 3) for _, features in ups)
        self.pool, self.enlarge = nn.MaxPool2d(2), nn.Upsample(scale_factor=2)
        self.head = nn.Conv2d(widths[0], case.outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        h, w = x.shape[-2:]
        x = pad_to_multiple(x, 16)
        skips: list[Tensor] = []
        for block in self.down:
            x = block(self.pool(x) if skips else x)
            skips.append(x)
        for lateral, block, skip in zip(self.lateral, self.up, skips[-2::-1], strict=True):
            x = block(self.enlarge(lateral(x)) + skip)
        return self.head(x)[..., :h, :w]


class LocalAttention(nn.Module):
    """Weights features by means over windows of 31x31 pixels, one for every 16x16."""

    def __init__(self, features: int):
        super().__init__()
        self.pool = nn.AvgPool2d(31, 16, 15, count_include_pad=False)
        self.weights = nn.Sequential(
            nn.Conv2d(features, features // 4, 1),
            nn.ReLU(),
            nn.Conv2d(features // 4, features, 1),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        h, w = x.shape[-2:]
        weights = functional.interpolate(self.weights(self.pool(x)), scale_factor=16.0)
        return x * weights[..., :h, :w]


class NinaBlock(nn.Module):
    """x + scale_out f(scale_in x), f two 3x3 convolutions with local attention between them."""

    def __init__(self, features: int, scale_in: float, scale_out: float):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(features, 2 * features, 3, padding=1),
            nn.ReLU(),
            LocalAttention(2 * features),
            nn.Conv2d(2 * features, features, 3, padding=1, bias=False),
        )
        self.scale_in, self.scale_out = scale_in, scale_out

    def forward(self, x: Tensor) -> Tensor:
        return x + self.scale_out * self.layers(self.scale_in * x)


class NinaSR(nn.Module):
    """2x upscaling: ten blocks with a shortcut around them, pixel shuffle."""

    mean: Tensor

    def __init__(self, case: Case, num_blocks: int = 10, features: int = 16):
        super().__init__()
        channels = case.channels
        self.register_buffer("mean", torch.full((1, channels, 1, 1), 0.44))
        self.head = nn.Conv2d(channels, features, 3, padding=1, bias=False)
        step, blocks = 4 / num_blocks, []
        for index in range(num_blocks):
            blocks.append(NinaBlock(features, 1 / math.sqrt(1 + index * step**2), 2 * step))
        self.blocks = nn.Sequential(*blocks)
        self.tail = nn.Sequential(
            nn.Conv2d(features, 4 * channels, 3, padding=1), nn.PixelShuffle(2)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.head(x - self.mean)
        return self.tail(x + self.blocks(x)) + self.mean


def timm_network(
    name: str, case: Case, *, drop_rate: float = 0.0, drop_path_rate: float | None = None
) -> nn.Module:
    """A network of timm with random weights.

    Args:
        name: in timm.
        case: channels and classes.
        drop_rate: of the dropout before the head.
        drop_path_rate: of the stochastic depth of the last block; None: the network has none.
    """
    return timm.create_model(
        name,
        num_classes=case.outputs,
        in_chans=case.channels,
        drop_rate=drop_rate,
        drop_path_rate=drop_path_rate,
    )


def efficientnet(name: str, case: Case) -> nn.Module:
    """An EfficientNet of timm with the dropout and the stochastic depth of its paper.

    timm's "tf_efficientnet…" have as many parameters, but compute their padding in every call.
    """
    return timm_network(name, case, drop_rate=0.2, drop_path_rate=0.2)


NETWORKS: dict[str, Callable[[Case], nn.Module]] = {
    "baseline": partial(texture_cnn, 7, 2),
    "sequential": partial(texture_cnn, 3, 3),
    "inception": inception,
    "two_layer": two_layer,
    "resnet18": partial(timm_network, "resnet18"),
    "resnet34": partial(timm_network, "resnet34"),
    "resnet50": partial(timm_network, "resnet50"),
    "efficientnetv2_s": partial(efficientnet, "efficientnetv2_s"),
    "efficientnet_lite0": partial(efficientnet, "efficientnet_lite0"),
    "vit_small_patch16": partial(timm_network, "vit_small_patch16_224"),
    "alpha": Alpha,
    "unet": UNet,
    "ninasr_b0": NinaSR,
}


def build_network(case: Case) -> nn.Module:
    """The network of a case with random weights, in training mode."""
    return NETWORKS[case.model](case).train()


def count_trainable(network: nn.Module) -> int:
    """Number of trainable parameters."""
    return sum(weights.numel() for weights in network.parameters() if weights.requires_grad)
