"""Whole runs that train a part of a network: the probe, frozen stages, folds and views."""

import json

import numpy as np
import orbax.checkpoint as ocp
import pytest
from flax import nnx

from gv_jax import experiment, models
from gv_jax.errors import UserError
from gv_jax.settings import as_probe
from tests.test_experiment import small


@pytest.fixture(autouse=True)
def strict():
    """Optax promotes integers itself."""


def results(run):
    return json.loads((run / "results.json").read_text())


def saved(run):
    with ocp.CheckpointManager(run / "checkpoints") as manager:
        items = manager.restore(
            manager.latest_step(), args=ocp.args.Composite(best=ocp.args.StandardRestore())
        )
    return items["best"]


def first(config):
    model = models.build(
        "two_layer", inputs=3, classes=3, size=(16, 16), rngs=nnx.Rngs(config.seed)
    )
    return {
        name: np.asarray(value[...])
        for name, value in vars(model.conv1).items()
        if name in ("kernel", "bias")
    }


def test_probe_finds_a_head_for_random_features_and_leaves_a_whole_run(shapes, tmp_path):
    config = small(shapes, tmp_path / "data", evaluate__flip=True, finetune__rates=(5e-3, 1e-3))
    said = experiment.run(as_probe(config), tmp_path / "run")
    found = results(tmp_path / "run")
    assert found["test"]["accuracy"] > 0.8 > found["baseline"]["test"]["accuracy"]
    assert f"{100 * found['test']['accuracy']:.1f}" in said
    assert found["parameters"]["trainable"] == 32 * 4 * 4 * 3 + 3 < found["parameters"]["total"]
    assert found["training"]["penalty"] in config.probe.l2
    assert (tmp_path / "run" / "report.html").exists()
    for name, value in first(config).items():
        np.testing.assert_array_equal(saved(tmp_path / "run")["params"]["conv1"][name], value)
    rows = [
        json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    ]
    assert [row["split"] for row in rows] == ["train", "valid"]
    assert "nothing to do" in experiment.run(as_probe(config), tmp_path / "run")
    experiment.evaluate_run(as_probe(config), tmp_path / "run")
    assert results(tmp_path / "run")["test"] == found["test"]


def test_frozen_stages_stay_through_a_run_that_stops_early_and_is_averaged(shapes, tmp_path):
    config = small(
        shapes, tmp_path / "data", train__epochs=30, train__ema=0.9, train__patience=2, finetune__freeze=("block1",),
        finetune__rates=(5e-3, 1e-3), finetune__thaw=(0.0, 1.0), optimizer__weight_decay=0.1, data__folds=3,
    )  # fmt: skip
    experiment.run(config, tmp_path / "run")
    found = results(tmp_path / "run")
    best = saved(tmp_path / "run")
    for name, value in first(config).items():
        np.testing.assert_array_equal(best["params"]["conv1"][name], value)
    np.testing.assert_array_equal(best["stats"]["norm1"]["mean"], 0)
    assert np.abs(best["stats"]["norm2"]["mean"]).max() > 0
    total, trainable = found["parameters"]["total"], found["parameters"]["trainable"]
    assert total - trainable == 3 * 9 * 16 + 16 + 2 * 16 + 2 * (
        16 + 32
    )  # block1, and the statistics of both blocks
    assert found["training"]["last_step"] < 30 * found["train"]["count"] // 16
    assert "test" not in found
    assert found["train"]["count"] + found["valid"]["count"] == 42


def test_probe_is_for_classification(shapes, tmp_path):
    config = small(
        shapes,
        tmp_path / "data",
        task="super_resolution",
        model__name="ninasr_b0",
        probe__method="ridge",
        augment__label_smoothing=0.0,
    )
    with pytest.raises(UserError, match="probe is for task classification"):
        experiment.run(config, tmp_path / "run")
