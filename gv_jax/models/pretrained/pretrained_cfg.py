"""How pictures were prepared for a file of weights: its card.

timm writes one, `pretrained_cfg`, in a config.json beside the weights; a JSON of the file's own name and the metadata
of a .safetensors may hold one too. Files without any are taken to be torchvision's.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import SafetensorError, safe_open

from gv_jax.errors import UserError
from gv_jax.models.efficientnet import EfficientNetV2
from gv_jax.models.inception_v3 import InceptionV3

CFG_KEY = "pretrained_cfg"


class PretrainedCfg(NamedTuple):
    """mean, std: by channel of pictures in [0, 1]; size: (height, width) in pixels; centre: the share of both sides
    that is cut from the middle before the resize."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    size: tuple[int, int]
    interpolation: str
    crop_pct: float


TORCHVISION_CFG = PretrainedCfg(
    (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), (224, 224), "bilinear", 224 / 256
)
# torchvision's reference transforms, where they are others; Inception-v3's were trained on pictures in [-1, 1].
TORCHVISION_CFGS = {
    InceptionV3: PretrainedCfg((0.5,) * 3, (0.5,) * 3, (299, 299), "bilinear", 299 / 342),
    EfficientNetV2: TORCHVISION_CFG._replace(size=(384, 384), crop_pct=1.0),
}


def load_pretrained_cfg(family: type, file: Path) -> PretrainedCfg:
    """The card of the weights in `file`, for a network of `family`; what it leaves out is torchvision's.

    UserError for a card that makes no sense, and for weights that were trained with TensorFlow's padding.
    """
    told = read_cfg(file)
    plain = TORCHVISION_CFGS.get(family, TORCHVISION_CFG)
    if str(told.get("architecture", "")).startswith("tf_"):
        raise UserError(
            f"{file} is of {told['architecture']}, trained with TensorFlow's uneven padding, which no network here has"
        )
    try:
        size = told.get("input_size", (3, *plain.size))
        return PretrainedCfg(
            mean=tuple(map(float, told.get("mean", plain.mean))),
            std=tuple(map(float, told.get("std", plain.std))),
            size=(int(size[-2]), int(size[-1])),
            interpolation=str(told.get("interpolation", plain.interpolation)),
            crop_pct=float(told.get("crop_pct", plain.crop_pct)),
        )
    except (TypeError, ValueError, IndexError) as error:
        raise UserError(f"the card of {file} cannot be understood ({error})") from error


def read_cfg(file: Path) -> dict[str, Any]:
    """What is said of the weights, in timm's words; {} where nothing is."""
    for place in (file.with_suffix(".json"), file.with_name("config.json")):
        if place.is_file():
            try:
                content = json.loads(place.read_text("utf-8"))
            except ValueError as error:
                raise UserError(f"{place}: the card of the weights is no JSON ({error})") from error
            if isinstance(content, dict) and isinstance(content.get(CFG_KEY), dict):
                architecture = {"architecture": content.get("architecture", "")}
                return architecture | content[CFG_KEY]
    return read_metadata_cfg(file) if file.suffix == ".safetensors" else {}


def read_metadata_cfg(file: Path) -> dict[str, Any]:
    try:
        with safe_open(file, framework="numpy") as tensors:
            told = json.loads((tensors.metadata() or {}).get(CFG_KEY, "{}"))
    except (OSError, SafetensorError, ValueError) as error:
        raise UserError(
            f"{file}: cannot be read as weights ({str(error).partition(chr(10))[0]})"
        ) from error
    return told if isinstance(told, dict) else {}
