"""Every variant of every study is a valid configuration."""

from pathlib import Path

import pytest

from gv_jax.ablation.study_file import SMOKE, read_study_file
from gv_jax.cli.flags import read_config_file
from gv_jax.config.resolve import resolve
from gv_jax.config.validate import validate

STUDIES = sorted(Path("experiments").glob("*.py"))


@pytest.mark.parametrize("study", STUDIES, ids=lambda file: file.stem)
@pytest.mark.parametrize("smoke", [False, True])
def test_variants_are_configurations(study, smoke, tmp_path):
    weights = tmp_path / "weights.safetensors"
    weights.touch()
    study_file = read_study_file(str(study))
    overrides = {**SMOKE, **study_file.smoke} if smoke else {}
    for variant in study_file.variants.values():
        config = read_config_file(study_file.config, variant)
        config.update_from_flattened_dict({**variant, **overrides})
        if config.model.pretrained:  # the file need not exist; of a classifier it would be read
            config.model.pretrained = str(weights) if config.task == "colorization" else ""
        validate(resolve(config))
