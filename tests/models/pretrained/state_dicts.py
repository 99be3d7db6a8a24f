"""State dicts of models, under the names and in the order of axes of PyTorch."""

import numpy as np

from gv_jax.models.pretrained.key_maps import KEY_MAPS
from gv_jax.models.stages import get_node


def key_map(model, stages=()):
    """{source name: target path} of the first key map of its class; stages: all by default."""
    (maps, *_) = KEY_MAPS[type(model)](model)
    return {
        source: target
        for stage, keys in maps.items()
        for source, target in keys.items()
        if not stages or stage in stages
    }


def state_dict(model, stages=()):
    """The weights of `model` as torchvision saves them."""
    tensors = {}
    for source, target in key_map(model, stages).items():
        value = np.asarray(get_node(model, target)[...])
        order = {4: (3, 2, 0, 1), 2: (1, 0)}.get(value.ndim)
        tensors[source] = np.ascontiguousarray(value.transpose(order)) if order else value
    return tensors
