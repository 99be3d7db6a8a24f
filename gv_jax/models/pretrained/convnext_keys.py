"""Key maps of ConvNeXt: the names of torchvision, of timm, and of the paper's authors."""

from typing import NamedTuple

from gv_jax.models.convnext import ConvNeXt
from gv_jax.models.pretrained.layer_keys import KeyMap, StageKeyMaps, layer_norm_keys, weight_keys


class Naming(NamedTuple):
    """The names of one library. In paths, {stage} and {block} count from 0.

    torchvision has downsampling layers and stages in one list, at {even} and {odd}.

    Attributes:
        stem: convolution and norm.
        downsample: norm and convolution before the blocks of a stage after the first.
        block: a block.
        layers: its depthwise convolution, norm, two linear layers, and scale.
        head: norm and linear layer.
    """

    stem: tuple[str, str]
    downsample: tuple[str, str]
    block: str
    layers: tuple[str, str, str, str, str]
    head: tuple[str, str]


TORCHVISION = Naming(
    ("features.0.0", "features.0.1"),
    ("features.{even}.0", "features.{even}.1"),
    "features.{odd}.{block}",
    ("block.0", "block.2", "block.3", "block.5", "layer_scale"),
    ("classifier.0", "classifier.2"),
)
TIMM = Naming(
    ("stem.0", "stem.1"),
    ("stages.{stage}.downsample.0", "stages.{stage}.downsample.1"),
    "stages.{stage}.blocks.{block}",
    ("conv_dw", "norm", "mlp.fc1", "mlp.fc2", "gamma"),
    ("head.norm", "head.fc"),
)
AUTHORS = Naming(  # github.com/facebookresearch/ConvNeXt
    ("downsample_layers.0.0", "downsample_layers.0.1"),
    ("downsample_layers.{stage}.0", "downsample_layers.{stage}.1"),
    "stages.{stage}.{block}",
    ("dwconv", "norm", "pwconv1", "pwconv2", "gamma"),
    ("norm", "head"),
)


def convnext_keys(model: ConvNeXt) -> list[StageKeyMaps]:
    """Of torchvision, timm and the authors."""
    return [naming_keys(model, naming) for naming in (TORCHVISION, TIMM, AUTHORS)]


def naming_keys(model: ConvNeXt, naming: Naming) -> StageKeyMaps:
    conv, norm = naming.stem
    maps = {"stem": layer_keys(conv, "stage_layers.0.0.conv")}
    maps["stem"] |= layer_norm_keys(norm, "stage_layers.0.0.norm")
    for stage, depth in enumerate(model.config.depths):
        target, keys = f"stage_layers.{stage + 1}", {}
        places = {"stage": stage, "even": 2 * stage, "odd": 2 * stage + 1}
        if stage:
            norm, conv = (path.format(**places) for path in naming.downsample)
            keys |= layer_norm_keys(norm, f"{target}.0.norm") | layer_keys(conv, f"{target}.0.conv")
        for block in range(depth):
            source = naming.block.format(**places, block=block)
            index = block + 1 if stage else block  # after the downsampling layer
            keys |= block_keys(naming, source, f"{target}.{index}")
        maps[f"stage{stage + 1}"] = keys
    norm, linear = naming.head
    maps[f"stage{len(model.config.depths)}"] |= layer_norm_keys(norm, "norm")
    return maps | {"head": layer_keys(linear, "head")}


def block_keys(naming: Naming, source: str, target: str) -> KeyMap:
    depthwise, norm, fc1, fc2, scale = (f"{source}.{layer}" for layer in naming.layers)
    return (
        layer_keys(depthwise, f"{target}.depthwise")
        | layer_norm_keys(norm, f"{target}.norm")
        | layer_keys(fc1, f"{target}.fc1")
        | layer_keys(fc2, f"{target}.fc2")
        | {scale: f"{target}.scale"}
    )


def layer_keys(source: str, target: str) -> KeyMap:
    """A convolution or linear layer with a bias, as all of ConvNeXt's."""
    return weight_keys(source, target, bias=True)
