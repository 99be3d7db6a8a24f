"""Every variant of every study is a configuration that a run would take."""

import importlib
import runpy

import pytest

from gv_jax.config.validate import validate
from gv_jax.settings import resolve_config

STUDIES = (
    "textures",
    "simpsons_preprocessing",
    "simpsons_resnet18",
    "minifigures",
    "game_covers",
    "colorization_models",
    "colorization_transfer",
)


@pytest.mark.parametrize("study", STUDIES)
def test_variants_are_configurations(study, tmp_path):
    weights = tmp_path / "weights.safetensors"
    weights.touch()
    script = importlib.import_module(f"experiments.{study}")
    for overrides in script.VARIANTS.values():
        config = runpy.run_path(script.CONFIG)["get_config"]()
        config.update_from_flattened_dict(overrides)
        if config.model.pretrained:  # which need not be here; a classifier would have its card read
            config.model.pretrained = str(weights) if config.task == "colorization" else ""
        validate(resolve_config(config))
