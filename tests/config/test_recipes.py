"""Configurations for fine-tuning: the recipe of pretrained weights, and flags that override it."""

import pytest
from flax import nnx

from gv_jax import models
from gv_jax.cli.flags import load_config
from gv_jax.config.resolve import as_probe
from gv_jax.training.finetune import FinetuneSpec, is_finetuned

COVERS, MINIFIGURES = "configs/game_covers.py", "configs/lego_minifigures.py"


def stage_rates(config):
    """Stage -> its learning rate at the peak; None if it is frozen."""
    model = nnx.eval_shape(
        lambda: models.build(config.model.name, inputs=3, classes=5, rngs=nnx.Rngs(0))
    )
    rate = config.optimizer.learning_rate
    lengths = {"total_steps": 1500, "steps_per_epoch": 100, "grad_accum_steps": 1}
    spec = FinetuneSpec.from_section(
        config.finetune, model, config.model.name, probe=False, learning_rate=rate, **lengths
    )
    return {
        stage: None if one.start_step is None else pytest.approx(rate * one.lr_scale)
        for stage, one in spec.specs.items()
    }


@pytest.mark.parametrize("task", ["classification", "multi_label"])
def test_covers_train_the_last_stages_with_their_own_rates_from_weights(task):
    config = load_config(COVERS, {"model.pretrained": "weights.npz", "task": task})
    assert stage_rates(config) == {
        "stem": None,
        "stage1": None,
        "stage2": None,
        "stage3": 1e-6,
        "stage4": 1e-5,
        "head": 1e-4,
    }
    assert config.model.pretrained == "weights.npz"
    assert config.model.dropout == 0.5


def test_minifigures_have_two_rates_from_weights():
    config = load_config(MINIFIGURES, {"model.pretrained": "weights.npz"})
    rates = stage_rates(config)
    assert rates.pop("head") == 3e-3
    assert set(map(float, (rate.expected for rate in rates.values()))) == {3e-4}


@pytest.mark.parametrize("file", [COVERS, MINIFIGURES])
def test_without_weights_all_stages_are_trained_alike(file):
    config = load_config(file, {})
    assert not is_finetuned(config.finetune)
    assert config.optimizer.learning_rate == 1e-3
    assert config.model.pretrained == ""


@pytest.mark.parametrize("file", [COVERS, MINIFIGURES])
@pytest.mark.parametrize("order", [1, -1])
def test_flags_override_the_recipe(file, order):
    fields = {
        "model.pretrained": "weights.npz",
        "finetune.stage_lrs": "()",
        "finetune.last_stages": "1",
        "optimizer.learning_rate": "0.5",
    }
    config = load_config(file, dict(list(fields.items())[::order]))
    assert (config.finetune.stage_lrs, config.finetune.last_stages) == ((), 1)
    assert config.optimizer.learning_rate == 0.5


def test_weights_can_follow_the_config_file():
    config = load_config(f"{COVERS}:weights.npz", {})
    assert config.model.pretrained == "weights.npz"
    assert config.finetune.last_stages == 3


def test_a_probe_has_no_recipe():
    config = as_probe(load_config(COVERS, {"model.pretrained": "weights.npz"}))
    assert not is_finetuned(config.finetune)
