"""The weights of a run as safetensors, in the names of torchvision and timm where these exist."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from flax import nnx
from flax.traverse_util import flatten_dict

from gv_jax.models.convnext import ConvNeXt
from gv_jax.models.efficientnet_lite import EfficientNetLite
from gv_jax.models.ninasr import NinaSR
from gv_jax.models.pretrained.key_maps import KEY_MAPS
from gv_jax.models.pretrained.state_dict import model_stages
from gv_jax.models.vgg import VGG
from gv_jax.models.vit import DinoV2, VisionTransformer
from gv_jax.training.step import SplitModule

NATIVE, TORCHVISION = "gv_jax", "torchvision"
LIBRARIES = {  # whose names are the first key map's
    EfficientNetLite: "timm",
    VisionTransformer: "timm",
    DinoV2: "dinov2",
    NinaSR: "torchSR",
}


def to_state_dict(
    network: SplitModule, weights: tuple[Any, Any]
) -> tuple[dict[str, np.ndarray], str]:
    """The weights by name, and the library whose names and order of axes they have.

    Models without a counterpart keep the names and the order of this package.
    """
    model = network.merge_eval(*weights)
    variables = flatten_variables(weights)
    if type(model) not in KEY_MAPS:
        return variables, NATIVE
    names = source_names(model)
    tensors = {source: to_torch(variables[target]) for source, target in names.items()}
    if isinstance(model, VGG):  # torchvision's dense layers take a flat map
        dense = [name for name in tensors if name.startswith("classifier.")]
        tensors |= {
            name: tensors[name].reshape(len(tensors[name]), -1)
            for name in dense
            if tensors[name].ndim == 4
        }
    if isinstance(model, ConvNeXt):  # torchvision's scale multiplies [n c h w]
        scales = [name for name in tensors if name.endswith(".layer_scale")]
        tensors |= {name: tensors[name].reshape(-1, 1, 1) for name in scales}
    return tensors, LIBRARIES.get(type(model), TORCHVISION)


def source_names(model: nnx.Module) -> Mapping[str, str]:
    """Source name -> path of the variable, of the stages that the model has."""
    maps = KEY_MAPS[type(model)](model)[0]
    return {
        source: target
        for stage in model_stages(model, maps)
        for source, target in maps[stage].items()
    }


def flatten_variables(weights: Sequence[Any]) -> dict[str, np.ndarray]:
    """{"stage_layers.0.conv1.kernel": array, ...} of (params, batch_stats)."""
    flat: dict[str, np.ndarray] = {}
    for tree in weights:
        paths = flatten_dict(tree)
        flat |= {".".join(map(str, path)): np.asarray(leaf) for path, leaf in paths.items()}
    return flat


def to_torch(array: np.ndarray) -> np.ndarray:
    """A variable in PyTorch's order of axes: kernels [o i a b] or [o i], others unchanged."""
    if array.ndim == 4:
        return np.ascontiguousarray(array.transpose(3, 2, 0, 1))
    return np.ascontiguousarray(array.T if array.ndim == 2 else array)
