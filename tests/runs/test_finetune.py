"""Whole runs that train a part of a network: linear probe, frozen stages, folds, EMA."""

import shutil

import jax
import numpy as np
import pytest
from flax import nnx
from PIL import Image

from gv_jax import experiment, models
from gv_jax.config.resolve import as_probe, resolve
from gv_jax.config.validate import validate
from gv_jax.errors import UserError
from gv_jax.export.export import export_run
from gv_jax.inference.initial_run import build_initial_model
from gv_jax.inference.run import load_run
from tests.runs.runs import (
    find_unregistered_metrics,
    make_small_config,
    read_checkpoint,
    read_log,
    read_results,
)

pytestmark = pytest.mark.slow


def init_first_conv(config):
    """The initial kernel and bias of the first convolution."""
    rngs = nnx.Rngs(config.seed)
    model = models.build("two_layer", inputs=3, classes=3, size=(16, 16), rngs=rngs)
    return {name: np.asarray(getattr(model.conv1, name)[...]) for name in ("kernel", "bias")}


@pytest.mark.parametrize(
    ("maps", "num_features"), [("last", 32 * 4 * 4), ("", 2 * (16 + 32)), ("block1", 2 * 16)]
)
def test_a_probe_trains_the_classifier_only(shapes, tmp_path, maps, num_features):
    fields = {"tta.flip": True, "finetune.stage_lrs": (5e-3, 1e-3), "probe.maps": maps}
    config = make_small_config(shapes, tmp_path / "data", **fields)
    run = tmp_path / "run"
    line = experiment.run(as_probe(config), run)
    results = read_results(run)
    assert results["test"]["accuracy"] > 0.8 > results["baseline"]["test"]["accuracy"]
    assert f"{100 * results['test']['accuracy']:.1f} %" in line
    assert find_unregistered_metrics(run) == set()
    num_trainable = num_features * 3 + 3
    assert results["parameters"]["trainable"] == num_trainable < results["parameters"]["total"]
    training = results["training"]
    assert training["features"] == num_features
    assert training["penalty"] in [row["penalty"] for row in training["penalties"]]
    assert training["held_out"]["low"] <= training["held_out"]["mean"]
    assert len(training["held_out"]["folds"]) == config.probe.folds
    scores = [row["held_out_accuracy"] for row in training["probe_baselines"]]
    assert len(scores) == 4
    assert scores[0] == training["held_out"]["mean"] > scores[-1]
    _, best = read_checkpoint(run, "best")
    for name, value in init_first_conv(config).items():
        backbone = best["params"].get("backbone", best["params"])
        np.testing.assert_array_equal(backbone["conv1"][name], value)
    assert [row["split"] for row in read_log(run)] == ["train", "valid"]
    assert (run / "report.html").exists()
    assert experiment.run(as_probe(config), run).endswith(line)
    experiment.evaluate(as_probe(config), run)
    assert read_results(run)["test"] == results["test"]


def test_frozen_stages_stay_in_a_run_with_ema_that_stops_early(shapes, tmp_path):
    fields = {
        "train.epochs": 30,
        "train.ema": 0.9,
        "train.patience": 2,
        "finetune.freeze": ("block1",),
        "finetune.stage_lrs": (5e-3, 1e-3),
        "finetune.unfreeze_epochs": (0.0, 1.0),
        "optimizer.weight_decay": 0.1,
        "data.folds": 3,
    }
    config = make_small_config(shapes, tmp_path / "data", **fields)
    experiment.run(config, tmp_path / "run")
    results = read_results(tmp_path / "run")
    _, best = read_checkpoint(tmp_path / "run", "best")
    for name, value in init_first_conv(config).items():
        np.testing.assert_array_equal(best["params"]["conv1"][name], value)
    np.testing.assert_array_equal(best["batch_stats"]["norm1"]["mean"], 0)
    assert np.abs(best["batch_stats"]["norm2"]["mean"]).max() > 0
    frozen = results["parameters"]["total"] - results["parameters"]["trainable"]
    # convolution, scale and bias of block1; the statistics of both blocks
    assert frozen == (3 * 9 * 16 + 16) + 2 * 16 + 2 * (16 + 32)
    assert results["training"]["last_step"] < 30 * results["train"]["count"] // 16
    assert "test" not in results
    assert results["train"]["count"] + results["valid"]["count"] == 42


def test_a_rejected_probe_can_be_repeated_as_advised(shapes, tmp_path):
    one = tmp_path / "one"  # image per class and split
    for index, split in enumerate(("train", "valid", "test")):
        for name in ("red", "green", "blue"):
            (one / split / name).mkdir(parents=True)
            shutil.copy(sorted((shapes / name).iterdir())[index], one / split / name / "0.png")
    run = tmp_path / "run"
    with pytest.raises(UserError, match=r"probe\.folds"):
        experiment.run(as_probe(make_small_config(one, tmp_path / "data")), run)
    assert not run.exists()
    advised = make_small_config(one, tmp_path / "data", **{"probe.l2": (10.0,)})
    experiment.run(as_probe(advised), run)
    assert read_results(run)["training"]["penalty"] == 10


def test_a_training_starts_from_the_head_of_a_probe(shapes, tmp_path, caplog):
    probe = make_small_config(shapes, tmp_path / "data", **{"tta.flip": True})
    experiment.run(as_probe(probe), tmp_path / "probe")
    fields = {
        "model.pretrained": str(tmp_path / "probe"),
        "optimizer.learning_rate": 1e-12,
        "finetune.last_stages": 1,
        "train.epochs": 1,
        "tta.flip": True,
    }
    config = make_small_config(shapes, tmp_path / "data", **fields)
    experiment.run(config, tmp_path / "tuned")
    results, before = read_results(tmp_path / "tuned"), read_results(tmp_path / "probe")
    (first,) = [row for row in read_log(tmp_path / "tuned") if row["split"] == "valid"]
    (probed,) = [row for row in read_log(tmp_path / "probe") if row["split"] == "valid"]
    for name in ("accuracy", "loss"):
        assert first[name] == pytest.approx(probed[name], rel=1e-5)
        assert results["test"][name] == pytest.approx(before["test"][name], rel=1e-5)
    assert results["parameters"] == before["parameters"]
    assert "config.data" not in caplog.text
    larger = make_small_config(shapes, tmp_path / "data", **{**fields, "data.size": (20, 20)})
    validate(resolve(larger))
    assert "config.data.size is (20, 20), but (16, 16)" in caplog.text
    for keeps in (True, False):
        assert "freeze_bn" not in caplog.text
        other = {**fields, "finetune.last_stages": 0, "finetune.freeze_bn": keeps}
        resolved = resolve(make_small_config(shapes, tmp_path / "data", **other))
        build_initial_model(resolved, 3, results["classes"], (16, 16))
    assert "config.finetune.freeze_bn=True" in caplog.text
    other = make_small_config(shapes, tmp_path / "data", **{**fields, "model.name": "shared_net"})
    with pytest.raises(UserError, match=r"model\.name=.two_layer.*shared_net"):
        experiment.run(other, tmp_path / "other")


def test_a_probe_of_a_probe_is_the_same(shapes, tmp_path):
    config = make_small_config(shapes, tmp_path / "data")
    experiment.run(as_probe(config), tmp_path / "first")
    config.model.pretrained = str(tmp_path / "first")
    experiment.run(as_probe(config), tmp_path / "second")
    first, second = (read_results(tmp_path / name) for name in ("first", "second"))
    assert second["test"] == pytest.approx(first["test"], rel=1e-4)


def test_a_second_probe_computes_the_features_of_added_images_only(shapes, tmp_path):
    images = tmp_path / "images"
    shutil.copytree(shapes, images)
    config = make_small_config(images, tmp_path / "data", **{"data.test_fraction": 0.0})
    counts, stored = [], []
    for run in ("first", "second", "more"):
        if run == "more":
            folder = sorted(images.iterdir())[0]
            image = np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8)
            Image.fromarray(image).save(folder / "added.png")
        experiment.run(as_probe(config), tmp_path / run)
        training = read_results(tmp_path / run)["training"]
        counts.append(training["computed_features"])
        stored.append(training["is_stored_fit"])
    first, second, more = counts
    assert first > 10
    assert second == 0
    assert stored == [False, True, False]
    assert more < first / 2  # the added one, and those that moved from the validation split
    splits = [read_results(tmp_path / run)["train"] for run in ("first", "second")]
    assert splits[0] == splits[1]


@pytest.mark.parametrize("format_name", ["onnx", "stablehlo"])
@pytest.mark.parametrize("grays", [(), (0, 200)])
def test_an_exported_probe_computes_what_the_run_predicts(shapes, tmp_path, grays, format_name):
    channels = 4 if grays else 3
    fields = {"data.channels": channels, "probe.backgrounds": grays}
    config = make_small_config(shapes, tmp_path / "data", **fields)
    experiment.run(as_probe(config), tmp_path / "run")
    run = load_run(tmp_path / "run")
    images = np.random.default_rng(0).integers(0, 256, (3, 16, 16, channels), dtype=np.uint8)
    predictions = run.predict(images).probabilities
    folder = export_run(tmp_path / "run", format_name, tmp_path / "out")
    if format_name == "stablehlo":
        (file,) = folder.glob("*.stablehlo")
        outputs = np.asarray(jax.export.deserialize(bytearray(file.read_bytes())).call(images))
    else:
        session = pytest.importorskip("onnxruntime").InferenceSession(folder / "model.onnx")
        outputs = session.run(None, {"images": images})[0]
    np.testing.assert_allclose(outputs, predictions, atol=1e-4)
    assert run.embed(images).shape == (3, max(1, len(grays)) * 2 * (16 + 32))
    explanation = run.explain(images[0])
    assert explanation.map.shape == (16, 16)
