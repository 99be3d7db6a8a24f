"""`gv-jax train`: mistakes are one line and status 2; help and summary need no images."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file

from gv_jax import experiment
from gv_jax.config import recipe
from gv_jax.config.resolve import resolve
from gv_jax.training.fit import InterruptedRun
from gv_jax.training.run_dir import RunDir

QUICKSTART = "--config=configs/quickstart.py"


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ([], ["--config"]),
        (["--config=configs/none.py"], ["configs/none.py"]),
        (["--config=configs/folder.py"], ["configs/folder.py:PATH"]),
        ([QUICKSTART, "--config.train.epoch=3"], ["config.train", "'epoch'", "'epochs'"]),
        ([QUICKSTART, "--config.trian.epochs=3"], ["'trian'", "'train'"]),
        ([QUICKSTART, "--config.train.epochs=1.5"], ["config.train.epochs", "1.5"]),
        ([QUICKSTART, "--config.train.epochs=0"], ["config.train.epochs", "0"]),
        ([QUICKSTART, "--config.train.epochs", "0"], ["config.train.epochs", "0"]),
        ([QUICKSTART, "--config.model.name=resnet43"], ["config.model.name", "'resnet34'"]),
        ([QUICKSTART, "--config.model.stem=small"], ["'stem'", "'sequential'"]),
        ([QUICKSTART, "--config.model.dtype=float16"], ["float16", "bfloat16"]),
        ([QUICKSTART, "--config.data.name=dungeon_tile"], ["'dungeon_tiles'"]),
        ([QUICKSTART, "--config.data.mean=(1,2)"], ["config.data.mean", "2"]),
        ([QUICKSTART, "--config.optimizer.name=adamm"], ["'adamm'", "'adam'"]),
        ([QUICKSTART, "--config.optimizer.schedule=cosin"], ["'cosin'", "'cosine'"]),
        ([QUICKSTART, "--config.optimizer.learning_rate=0.0"], ["learning_rate", "1e-12"]),
        ([QUICKSTART, "--config.augment.flip=2.0"], ["flip", "2.0"]),
        ([QUICKSTART, "--config.finetune.freeze=('stem',)"], ["config.finetune.freeze", "'stem'"]),
        ([QUICKSTART, "--config.data.folds=1"], ["folds", "1"]),
        ([QUICKSTART, "--config.probe.method=rigde"], ["'rigde'", "'ridge'"]),
        ([QUICKSTART, "--config.tta.shift=-1"], ["shift", "-1"]),
        ([QUICKSTART, "--workdri=x"], ["'workdri'", "'workdir'"]),
        ([QUICKSTART, "--mode=tarin"], ["tarin", "train", "probe", "evaluate", "summary"]),
        ([QUICKSTART, "surplus"], ["'surplus'"]),
        ([QUICKSTART, "--workdir="], ["--workdir", "empty"]),
        ([QUICKSTART, "--mode=evaluate", "--workdir=/nowhere/at/all"], ["/nowhere/at/all"]),
    ],
)
def test_mistakes_are_one_line_and_status_2(command, words, names, tmp_path):
    if not any(word.startswith("--workdir") for word in words):
        words = [*words, f"--workdir={tmp_path / 'run'}"]
    done = command("train", *words)
    assert done.status == 2
    assert done.err.count("\n") == 1, done.err
    assert all(name in done.err for name in names), done.err
    assert not done.out
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("stop", "words"), [(InterruptedRun("at step 3"), "state saved"), (KeyboardInterrupt(), "")]
)
def test_an_interrupted_run_is_status_130(command, monkeypatch, tmp_path, stop, words):
    def interrupt(*_):
        raise stop

    monkeypatch.setattr(experiment, "run", interrupt)
    done = command("train", QUICKSTART, f"--workdir={tmp_path / 'run'}")
    assert done.status == 130
    assert words in done.out
    assert "Traceback" not in done.err


def announce_only(config, workdir, policy, announce):
    """Replaces a run by what is printed before it."""
    announce(resolve(config), RunDir(workdir))
    return "done"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of two classes; ImageNet weights are not installed, and data go to tmp_path."""
    monkeypatch.setattr(recipe, "has_weights", lambda: False)
    for name in ("a", "b"):
        (tmp_path / "images" / name).mkdir(parents=True)
        for index in range(4):
            file = tmp_path / "images" / name / f"{index}.png"
            Image.new("RGB", (8, 8), (index, 0, 0)).save(file)
    return tmp_path / "images"


@pytest.mark.parametrize(("mode", "stated"), [("train", "min on 2"), ("probe", "linear")])
def test_the_recipe_is_stated_first(command, monkeypatch, tmp_path, folder, mode, stated):
    monkeypatch.setattr(experiment, "run", announce_only)
    words = [f"--config=configs/folder.py:{folder}", f"--config.data.root={tmp_path / 'data'}"]
    done = command("train", *words, f"--mode={mode}", f"--workdir={tmp_path / 'run'}")
    first, last = done.out.splitlines()
    assert last == "done"
    assert first.startswith("Recipe scratch: ")
    assert stated in first
    assert ("min on 2" in first) == (mode == "train")


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        (["--config.optimizer.name=adamm"], "adamm"),
        (["--config.data.valid_fraction=2.0"], "valid_fraction"),
        (["--config.data.image_folder.group_pattern=("], "group_pattern"),
    ],
)
def test_no_recipe_is_stated_for_what_cannot_be_trained(command, tmp_path, folder, fields, name):
    words = [f"--config=configs/folder.py:{folder}", f"--config.data.root={tmp_path / 'data'}"]
    done = command("train", *words, *fields, f"--workdir={tmp_path / 'run'}")
    assert (done.status, done.out) == (2, "")
    assert name in done.err


@pytest.mark.parametrize("name", ["baseline", "inception", "sequential"])
def test_weights_of_a_model_without_any_name_classifiers_that_have_some(command, tmp_path, name):
    fields = [f"--config.model.name={name}", "--config.model.pretrained=weights.safetensors"]
    done = command("train", QUICKSTART, *fields, f"--workdir={tmp_path / 'run'}")
    assert (done.status, done.out, done.err.count("\n")) == (2, "", 1)
    assert all(word in done.err for word in [repr(name), "resnet18", "vit_tiny_patch16"])
    assert not any(word in done.err for word in ["torchvision", "ninasr", "_encoder"])


@pytest.mark.parametrize(
    ("license", "count"), [("cc-by-nc-4.0", 1), ("apache-2.0", 0), ("unknown", 0)]
)
def test_a_license_that_excludes_commercial_use_is_stated_once(
    command, monkeypatch, tmp_path, license, count
):
    monkeypatch.setattr(experiment, "run", announce_only)
    weights = tmp_path / "weights.safetensors"
    save_file({"a": np.zeros(1)}, weights, {"license": license})
    fields = ["--config.model.name=resnet18", f"--config.model.pretrained={weights}"]
    done = command("train", QUICKSTART, *fields, f"--workdir={tmp_path / 'run'}")
    *lines, last = done.out.splitlines()
    assert (done.status, last, len(lines)) == (0, "done", count)
    assert all(license in line and str(weights) in line for line in lines)


def test_help_needs_no_jax():
    script = """
import runpy, sys
sys.argv = ["main", "--help"]
try:
    runpy.run_module("gv_jax.main", run_name="__main__")
except SystemExit:
    assert not {"jax", "numpy", "flax"} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "--workdir" in done.stdout


def test_help_lists_the_fields_of_a_config_with_values_and_comments(command):
    done = command("train", QUICKSTART, "--config.train.epochs=7", "--help")
    assert done.status == 0
    lines = {line.split("=")[0].strip(): line for line in done.out.splitlines()}
    assert "=7" in lines["--config.train.epochs"]
    assert "'sequential'" in lines["--config.model.name"]
    assert lines["--config.optimizer.momentum"].endswith("of sgd")
    assert "--config.data.atari_frames.clip_length" in lines


def test_summary_counts_the_parameters_of_resnet34(command):
    done = command(
        "train",
        "--config=configs/n64_textures.py",
        "--mode=summary",
        "--config.model.name=resnet34",
    )
    assert done.status == 0, done.err
    for count in ("21,312,527", "21,295,503", "17,024"):
        assert count in done.out
