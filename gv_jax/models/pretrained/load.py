"""Pretrained weights: a file in PyTorch's names and shapes, or one of the Hugging Face hub."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar
from zipfile import BadZipFile

import numpy as np
from flax import nnx
from safetensors import SafetensorError
from safetensors.numpy import load_file

from gv_jax.errors import UserError
from gv_jax.models import MODELS, build, model_class
from gv_jax.models.colorization import BackboneColorizer, Fusion
from gv_jax.models.pretrained import hub
from gv_jax.models.pretrained.key_maps import KEY_MAPS
from gv_jax.models.pretrained.state_dict import load_state_dict

CONVERT_COMMAND = (
    'python -c "import sys, torch; from safetensors.torch import save_file; '
    'save_file(torch.load(sys.argv[1], weights_only=True), sys.argv[2])"'
)
BACKBONE_ATTR = {BackboneColorizer: "backbone", Fusion: "classifier"}  # its weights are pretrained
OPTION_FIELDS = ("stem", "last_stage", "classifier")  # config.model fields; empty: the default
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
    options = {field: section[field] for field in OPTION_FIELDS if section[field]}
    return options | ({"dropout": section.dropout} if section.dropout >= 0 else {})


def find_weights_file(section: ModelSection) -> Path:
    """Returns the file of `config.model.pretrained`, downloaded from the hub if necessary.

    Raises:
        UserError: the model cannot load weights, or the file does not exist or has another format.
    """
    check_pretrainable(section.name)
    source = section.pretrained
    file = hub.fetch(source) if source.startswith(hub.HUB_PREFIX) else Path(source)
    check_weights_file(file)
    return file


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
        UserError: names that are missing or unknown, or tensors of another shape; then the model
            is unchanged.
    """
    attribute = BACKBONE_ATTR.get(type(model))
    if attribute is not None:
        load_pretrained(getattr(model, attribute), file, ("head",))
        return model
    file = Path(file)
    check_weights_file(file)
    try:
        tensors = WEIGHT_READERS[file.suffix](file)
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, SafetensorError) as error:
        reason = str(error).partition("\n")[0]
        raise UserError(f"{file}: cannot read weights ({reason})") from error
    load_state_dict(model, str(file), tensors, without)
    return model


def check_pretrainable(name: str) -> None:
    """UserError unless the model of that name can load weights from a file."""
    supported = [
        other
        for other in MODELS
        if model_class(other) in KEY_MAPS or model_class(other) in BACKBONE_ATTR
    ]
    if name not in supported:
        raise UserError(
            f"config.model.pretrained: model {name!r} cannot load weights from a file; "
            f"models that can: {', '.join(supported)}"
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


def read_npz(file: Path) -> dict[str, np.ndarray]:
    with file.open("rb") as content:  # np.load leaves it open when it fails
        arrays = np.load(content, allow_pickle=False)
        if isinstance(arrays, np.ndarray):
            raise ValueError("one array without a name")
        return dict(arrays)


WEIGHT_READERS = {".safetensors": load_file, ".npz": read_npz}
