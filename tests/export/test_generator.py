"""Exports of generation runs: weights with a card that says what outputs are, nothing else."""

import json
import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file

from gv_jax.errors import UserError
from gv_jax.export import web
from gv_jax.export.export import export_run
from gv_jax.export.weights import flatten_variables
from gv_jax.inference.run import load_run
from tests.export.conftest import change_results
from tests.inference.runs import write_generation_run

MEASURED = {
    "main_split": "test",
    "test": {"count": 40, "copies": 0.125, "loss": 0.4},
    "generated_count": 80,
    "comparison": [
        {"images": "generated images", "copies": 0.125},
        {"images": "real images", "copies": 0.05},
    ],
}


def export(run, tmp_path, name="out"):
    folder = export_run(run, "safetensors", tmp_path / name)
    return folder, (folder / "README.md").read_text()


def test_weights_and_classes_are_exported(runs, tmp_path):
    folder, card = export(runs["generation"], tmp_path)
    tensors = load_file(folder / "model.safetensors")
    expected = flatten_variables(load_run(runs["generation"]).weights)
    assert tensors.keys() == expected.keys()
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(tensor, expected[name])
    config = json.loads((folder / "config.json").read_text())
    assert config["classes"] == ["brick", "hero"]
    assert config["image_size"] == [16, 16]
    assert config["alpha"] == {"brick": "opaque", "hero": "binary"}
    assert "2 classes: brick, hero" in card
    assert "Repeat without a seam: brick" in card
    assert "pipeline_tag: unconditional-image-generation\n" in card


def test_the_card_states_the_measured_copies(runs, tmp_path):
    run = shutil.copytree(runs["generation"], tmp_path / "run")
    assert "was not measured" in export(run, tmp_path, "before")[1]
    change_results(run, **MEASURED)
    card = export(run, tmp_path, "after")[1]
    assert "12.5 % of 80 outputs are near copies" in card
    assert "5.0 % of held-out images" in card
    assert "was not measured" not in card


def test_the_card_states_leaks_in_words(runs, tmp_path):
    run = shutil.copytree(runs["generation"], tmp_path / "run")
    change_results(run, audit={"leaks": {"valid": {"exact": 0, "near": 7}, "test": {"near": 0}}})
    card = export(run, tmp_path)[1]
    assert "Copies of images of the valid split are in the training split: 7 near." in card
    assert "of the test split are in the training split" not in card


def test_the_sampling_of_the_last_evaluation_is_exported(runs, tmp_path):
    run = shutil.copytree(runs["generation"], tmp_path / "run")
    change_results(run, sampling={"guidance": 1.5, "steps": 7})
    folder, card = export(run, tmp_path)
    section = json.loads((folder / "config.json").read_text())["config"]["generation"]
    assert (section["guidance"], section["steps"]) == (1.5, 7)
    assert "7 steps" in card
    assert "v(class) + 0.5 d" in card


def test_layouts_are_exported(tmp_path):
    run = write_generation_run(tmp_path / "run", **{"generation.layouts": 3})
    folder, card = export(run, tmp_path)
    layouts = json.loads((folder / "config.json").read_text())["layouts"]
    assert layouts == load_run(run).results["layouts"]
    assert "`layouts` in config.json" in card


@pytest.mark.parametrize("format_name", ["stablehlo", "onnx", "web"])
def test_programs_of_generators_are_refused(runs, tmp_path, monkeypatch, format_name):
    monkeypatch.setattr(web, "download_ort", lambda: pytest.fail("downloaded"))
    with pytest.raises(UserError, match="--format safetensors") as caught:
        export_run(runs["generation"], format_name, tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
