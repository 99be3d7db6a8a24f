"""Preprocessing that pretrained weights expect: timm's `pretrained_cfg`.

timm stores it in a config.json beside the weights. A JSON file with the name of the weights and the
metadata of a .safetensors may have it too. Weights without one are assumed to be torchvision's.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

from gv_jax.errors import UserError
from gv_jax.models.convnext import ConvNeXt
from gv_jax.models.efficientnet import EfficientNetV2
from gv_jax.models.efficientnet_lite import EfficientNetLite
from gv_jax.models.inception_v3 import InceptionV3
from gv_jax.models.pretrained.weights_file import read_metadata
from gv_jax.models.vit import DinoV2, VisionTransformer

CFG_KEY = "pretrained_cfg"
TF_PREFIX = "tf_"  # of timm's architectures that are TensorFlow's
LITE_PREFIX = "efficientnet_lite"  # of those that timm has in both versions


class PretrainedCfg(NamedTuple):
    """Preprocessing of images.

    Attributes:
        mean: per channel, of images in [0, 1].
        std: standard deviation per channel.
        size: (height, width) in pixels.
        interpolation: of the resize, "bilinear" or "bicubic".
        crop_pct: fraction of both sides that is center-cropped before the resize.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    size: tuple[int, int]
    interpolation: str
    crop_pct: float


TORCHVISION_CFG = PretrainedCfg(
    (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), (224, 224), "bilinear", 224 / 256
)
# torchvision's `weights.transforms()` where they differ; Inception-v3 takes images in [-1, 1].
# EfficientNet-Lite is not in torchvision; TensorFlow's takes (x - 127) / 128, x in 0 to 255.
TORCHVISION_CFGS = {
    InceptionV3: PretrainedCfg((0.5,) * 3, (0.5,) * 3, (299, 299), "bilinear", 299 / 342),
    EfficientNetV2: TORCHVISION_CFG._replace(size=(384, 384), crop_pct=1.0),
    ConvNeXt: TORCHVISION_CFG._replace(crop_pct=224 / 236),
    VisionTransformer: PretrainedCfg((0.5,) * 3, (0.5,) * 3, (224, 224), "bicubic", 0.9),  # timm's
    DinoV2: TORCHVISION_CFG._replace(interpolation="bicubic"),  # its own evaluation
    EfficientNetLite: PretrainedCfg(
        (127 / 255,) * 3, (128 / 255,) * 3, (224, 224), "bicubic", 224 / 256
    ),
}


def load_pretrained_cfg(model_class: type, file: Path) -> PretrainedCfg:
    """Returns the preprocessing for the weights in `file`; absent fields are torchvision's.

    Args:
        model_class: of the model that loads them.
        file: the weights.

    Raises:
        UserError: a `pretrained_cfg` that is not valid, or weights trained with TensorFlow's
            asymmetric padding. Those of EfficientNet-Lite are left to `load_pretrained`, which
            names their model.
    """
    cfg = read_cfg(file)
    default = TORCHVISION_CFGS.get(model_class, TORCHVISION_CFG)
    architecture = str(cfg.get("architecture", ""))
    lite = model_class is EfficientNetLite or architecture.startswith(TF_PREFIX + LITE_PREFIX)
    if architecture.startswith(TF_PREFIX) and not lite:
        raise UserError(
            f"{file}: architecture {architecture} has TensorFlow's asymmetric padding, which is "
            "not supported: use weights trained with PyTorch"
        )
    try:
        size = cfg.get("input_size", (3, *default.size))
        return PretrainedCfg(
            mean=tuple(map(float, cfg.get("mean", default.mean))),
            std=tuple(map(float, cfg.get("std", default.std))),
            size=(int(size[-2]), int(size[-1])),
            interpolation=str(cfg.get("interpolation", default.interpolation)),
            crop_pct=float(cfg.get("crop_pct", default.crop_pct)),
        )
    except (TypeError, ValueError, IndexError) as error:
        raise UserError(f"{CFG_KEY} of {file} is not valid ({error})") from error


def find_padding(file: Path) -> str:
    """The option `padding` of EfficientNet-Lite with these weights; "" if they do not say."""
    architecture = str(read_cfg(file).get("architecture", ""))
    if architecture.startswith(TF_PREFIX + LITE_PREFIX):
        return "same"
    return "symmetric" if architecture.startswith(LITE_PREFIX) else ""


def read_cfg(file: Path) -> dict[str, Any]:
    """The `pretrained_cfg` of the weights, with timm's keys; {} without one."""
    for json_file in config_files(file):
        try:
            content = json.loads(json_file.read_text("utf-8"))
        except ValueError as error:
            raise UserError(f"{json_file} is not valid JSON ({error})") from error
        if isinstance(content, dict) and isinstance(content.get(CFG_KEY), dict):
            architecture = {"architecture": content.get("architecture", "")}
            return architecture | content[CFG_KEY]
    return read_metadata_cfg(file) if file.suffix == ".safetensors" else {}


def config_files(file: Path) -> list[Path]:
    """The JSON files beside weights that may describe them."""
    candidates = (file.with_suffix(".json"), file.with_name("config.json"))
    return [candidate for candidate in candidates if candidate.is_file()]


def read_metadata_cfg(file: Path) -> dict[str, Any]:
    """The `pretrained_cfg` in the metadata of a .safetensors file; {} without one."""
    try:
        cfg = json.loads(read_metadata(file).get(CFG_KEY, "{}"))
    except ValueError as error:
        raise UserError(f"{CFG_KEY} in the metadata of {file} is not valid JSON") from error
    return cfg if isinstance(cfg, dict) else {}
