"""Runs of other tasks and data sets, in two processes as in one."""

import shutil
import sys

import numpy as np
import pytest
from PIL import Image

from tests.runs.runs import read_results
from tests.runs.several_processes import (
    assert_same_results,
    finish,
    finish_two,
    make_command,
    start,
)

pytestmark = pytest.mark.slow

COLORIZATION = {
    "data.size": "(16,16)",
    "data.frames_folder.scene_length": 2,
    "data.frames_folder.gap": 1,
    "data.valid_fraction": 0.2,
    "data.test_fraction": 0.2,
    "train.batch_size": 8,
    "train.epochs": 1,
    "train.shard_state": True,
    "optimizer.name": "sgd",
    "optimizer.learning_rate": 0.01,
    "inference.whole_images": 2,
}


def assert_two_train_as_one(folder, commands):
    """Checks the run "two" of two processes against the run "one" of one process."""
    assert finish(start(commands["one"])).status == 0
    first, second = finish_two(commands["two"])
    assert first.status == 0, first
    assert second == (0, [], [])
    assert_same_results(folder / "two", folder / "one")


def test_colorization(tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / "games" / "day").mkdir(parents=True)
    for index in range(30):
        pixels = rng.integers(0, 60, (16, 16, 3), dtype=np.uint8)
        pixels[index % 12 : index % 12 + 4, :, index % 3] += 180
        Image.fromarray(pixels).save(tmp_path / "games" / "day" / f"{index:02d}.png")
    options = [f"--config.{field}={value}" for field, value in COLORIZATION.items()]
    command = [
        *(sys.executable, "-m", "gv_jax.main", f"--config=configs/colorize.py:{tmp_path}/games"),
        *(*options, f"--config.data.root={tmp_path / 'data'}"),
    ]
    commands = {name: [*command, f"--workdir={tmp_path / name}"] for name in ("one", "two")}
    assert_two_train_as_one(tmp_path, commands)


def test_fewer_validation_images_than_processes(shapes, tmp_path):
    for name in ("red", "blue"):
        files = sorted((shapes / name).iterdir())
        parts = {"train": files[:8], "valid": files[8:9], "test": files[9:10]}
        for split, images in parts.items():
            if (name, split) != ("blue", "valid"):
                target = tmp_path / "images" / split / name
                target.mkdir(parents=True)
                for image in images:
                    shutil.copy(image, target)
    commands = {
        name: make_command(tmp_path / "images", tmp_path, name, **{"train.epochs": 2})
        for name in ("one", "two")
    }
    assert_two_train_as_one(tmp_path, commands)
    results = read_results(tmp_path / "two")
    assert [results[split]["count"] for split in ("train", "valid", "test")] == [16, 1, 2]
