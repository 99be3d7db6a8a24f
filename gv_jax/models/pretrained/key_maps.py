"""Key maps: the names of weights in torchvision and timm, and the variables that they become.

{stage: {source name: target path}}, stages in order. A model class has one for each naming of its
weights. Each covers all stages, whichever a model keeps.
"""

from collections.abc import Callable, Sequence
from typing import Any

from gv_jax.models import efficientnet, squeezenet, vgg
from gv_jax.models.convnext import ConvNeXt
from gv_jax.models.efficientnet import EfficientNetV2
from gv_jax.models.efficientnet_lite import EfficientNetLite
from gv_jax.models.inception_v3 import InceptionV3
from gv_jax.models.layers import ConvNormAct
from gv_jax.models.ninasr import NinaSR
from gv_jax.models.pretrained.convnext_keys import convnext_keys
from gv_jax.models.pretrained.efficientnet_lite_keys import efficientnet_lite_keys
from gv_jax.models.pretrained.inception_v3_keys import inception_v3_keys
from gv_jax.models.pretrained.layer_keys import KeyMap, StageKeyMaps, norm_keys, weight_keys
from gv_jax.models.pretrained.vit_keys import vit_keys
from gv_jax.models.resnet import ResNet
from gv_jax.models.squeezenet import SqueezeNet
from gv_jax.models.vgg import VGG
from gv_jax.models.vit import DinoV2, VisionTransformer


def resnet_keys(model: ResNet) -> list[StageKeyMaps]:
    """Of torchvision and timm, which are the same."""
    maps = {"stem": weight_keys("conv1", "conv1") | norm_keys("bn1", "norm1")}
    for stage, count in enumerate(model.stage_sizes):
        keys: KeyMap = {}
        for index in range(count):
            source, target = f"layer{stage + 1}.{index}", f"stage_layers.{stage}.{index}"
            for number in range(1, model.block.num_convs + 1):
                keys |= weight_keys(f"{source}.conv{number}", f"{target}.conv{number}")
                keys |= norm_keys(f"{source}.bn{number}", f"{target}.norm{number}")
            if index == 0 and (stage > 0 or model.block.expansion > 1):
                keys |= weight_keys(f"{source}.downsample.0", f"{target}.shortcut.conv")
                keys |= norm_keys(f"{source}.downsample.1", f"{target}.shortcut.norm")
        maps[f"stage{stage + 1}"] = keys
    return [maps | {"head": weight_keys("fc", "head", bias=True)}]


def vgg16_keys(model: VGG) -> list[StageKeyMaps]:
    """Of torchvision, and of timm, whose dense layers are convolutions."""
    has_norm = model.block is ConvNormAct
    conv_maps: StageKeyMaps = {}
    source_index = 0  # in torchvision's list of convolutions, norms, ReLUs and poolings
    for stage, widths in enumerate(vgg.VGG16_STAGES):
        keys: KeyMap = {}
        for index in range(len(widths)):
            target = f"stage_layers.{stage}.{index}"
            keys |= weight_keys(f"features.{source_index}", f"{target}.conv", bias=True)
            if has_norm:
                keys |= norm_keys(f"features.{source_index + 1}", f"{target}.norm")
            source_index += 3 if has_norm else 2
        conv_maps[f"stage{stage + 1}"] = keys
        source_index += 1
    dense_sources = {
        "torchvision": ("classifier.0", "classifier.3", "classifier.6"),
        "timm": ("pre_logits.fc1", "pre_logits.fc2", "head.fc"),
    }
    return [
        conv_maps
        | {
            "dense1": weight_keys(dense1, "stage_layers.5.1", bias=True),
            "dense2": weight_keys(dense2, "stage_layers.6.1", bias=True),
            "head": weight_keys(head, "head", bias=True),
        }
        for dense1, dense2, head in dense_sources.values()
    ]


def squeezenet1_1_keys(model: SqueezeNet) -> list[StageKeyMaps]:
    """Of torchvision."""
    layers = {"squeeze": "squeeze", "expand1x1": "expand1", "expand3x3": "expand3"}
    maps = {"stem": weight_keys("features.0", "stage_layers.0.0", bias=True)}
    source_index = 3  # after convolution, ReLU and pooling
    for stage, widths in enumerate(squeezenet.FIRE_STAGES, 1):
        keys: KeyMap = {}
        for index in range(len(widths)):
            block = f"stage_layers.{stage}.{index + 1}"
            for source, target in layers.items():
                keys |= weight_keys(
                    f"features.{source_index}.{source}", f"{block}.{target}", bias=True
                )
            source_index += 1
        maps[f"stage{stage}"] = keys
        source_index += 1
    return [maps | {"head": weight_keys("classifier.1", "head", bias=True)}]


def conv_norm_keys(source: str, target: str) -> KeyMap:
    """A convolution and its norm in torchvision's EfficientNet."""
    return weight_keys(f"{source}.0", f"{target}.conv") | norm_keys(f"{source}.1", f"{target}.norm")


def squeeze_excite_keys(squeeze: str, excite: str, target: str) -> KeyMap:
    return weight_keys(squeeze, f"{target}.squeeze", bias=True) | weight_keys(
        excite, f"{target}.excite", bias=True
    )


def torchvision_block_keys(block: type, source: str, target: str) -> KeyMap:
    """A block of torchvision's EfficientNetV2."""
    source = f"{source}.block"
    if block is efficientnet.ConvBlock:
        return conv_norm_keys(f"{source}.0", f"{target}.conv")
    if block is efficientnet.FusedMBConv:
        return conv_norm_keys(f"{source}.0", f"{target}.expand") | conv_norm_keys(
            f"{source}.1", f"{target}.project"
        )
    return (
        conv_norm_keys(f"{source}.0", f"{target}.expand")
        | conv_norm_keys(f"{source}.1", f"{target}.depthwise")
        | squeeze_excite_keys(f"{source}.2.fc1", f"{source}.2.fc2", f"{target}.squeeze_excite")
        | conv_norm_keys(f"{source}.3", f"{target}.project")
    )


def timm_block_keys(block: type, source: str, target: str) -> KeyMap:
    """A block of timm's EfficientNetV2."""
    layers = {
        efficientnet.ConvBlock: {"conv": "conv"},
        efficientnet.FusedMBConv: {"conv_exp": "expand", "conv_pwl": "project"},
        efficientnet.MBConv: {"conv_pw": "expand", "conv_dw": "depthwise", "conv_pwl": "project"},
    }[block]
    keys: KeyMap = {}
    for number, (source_layer, target_layer) in enumerate(layers.items(), 1):
        keys |= weight_keys(f"{source}.{source_layer}", f"{target}.{target_layer}.conv")
        keys |= norm_keys(f"{source}.bn{number}", f"{target}.{target_layer}.norm")
    if block is efficientnet.MBConv:
        keys |= squeeze_excite_keys(
            f"{source}.se.conv_reduce", f"{source}.se.conv_expand", f"{target}.squeeze_excite"
        )
    return keys


def efficientnet_v2_keys(model: EfficientNetV2) -> list[StageKeyMaps]:
    """Of torchvision and timm."""
    top = len(model.stage_configs) + 1
    stem, last = "stage_layers.0.0", f"stage_layers.{top}.0"
    torchvision = {"stem": conv_norm_keys("features.0", stem)}
    timm = {"stem": weight_keys("conv_stem", f"{stem}.conv") | norm_keys("bn1", f"{stem}.norm")}
    for stage, (block, *_, count) in enumerate(model.stage_configs, 1):
        for maps, block_keys, source in (
            (torchvision, torchvision_block_keys, f"features.{stage}"),
            (timm, timm_block_keys, f"blocks.{stage - 1}"),
        ):
            keys: KeyMap = {}
            for index in range(count):
                keys |= block_keys(block, f"{source}.{index}", f"stage_layers.{stage}.{index}")
            maps[f"stage{stage}"] = keys
    torchvision["top"] = conv_norm_keys(f"features.{top}", last)
    timm["top"] = weight_keys("conv_head", f"{last}.conv") | norm_keys("bn2", f"{last}.norm")
    torchvision["head"] = weight_keys("classifier.1", "head", bias=True)
    timm["head"] = weight_keys("classifier", "head", bias=True)
    return [torchvision, timm]


def ninasr_keys(model: NinaSR) -> list[StageKeyMaps]:
    """Of torchSR."""
    block_keys = {
        "0.weight": "conv1.kernel",
        "0.bias": "conv1.bias",
        "2.body.1.weight": "attention.squeeze.kernel",
        "2.body.1.bias": "attention.squeeze.bias",
        "2.body.3.weight": "attention.excite.kernel",
        "2.body.3.bias": "attention.excite.bias",
        "3.weight": "conv2.kernel",
    }
    keys = {"head.0.bias": "head_mean", "head.1.weight": "head.kernel"}
    for block in range(len(model.blocks)):
        keys |= {
            f"body.{block}.body.{source}": f"blocks.{block}.{target}"
            for source, target in block_keys.items()
        }
    keys |= {"tail.0.weight": "tail.kernel", "tail.0.bias": "tail.bias", "tail.2.bias": "tail_mean"}
    return [{"network": keys}]


KEY_MAPS: dict[type, Callable[[Any], Sequence[StageKeyMaps]]] = {
    ResNet: resnet_keys,
    VGG: vgg16_keys,
    SqueezeNet: squeezenet1_1_keys,
    EfficientNetV2: efficientnet_v2_keys,
    EfficientNetLite: efficientnet_lite_keys,
    InceptionV3: inception_v3_keys,
    ConvNeXt: convnext_keys,
    VisionTransformer: vit_keys,
    DinoV2: vit_keys,
    NinaSR: ninasr_keys,
}
COUNTER = ".num_batches_tracked"  # suffix; of a batch normalization in PyTorch, and no weight
# Prefixes: Inception-v3's auxiliary head, DINOv2's token of masked patches.
IGNORED_KEYS = ("AuxLogits.", "mask_token")
