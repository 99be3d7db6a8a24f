"""Runs of other tasks and data sets, in several processes as in one."""

import shutil
import sys

import numpy as np
import pytest
from PIL import Image

from tests.runs.runs import read_results
from tests.runs.several_processes import (
    assert_same_results,
    find_port,
    finish,
    make_command,
    name_cluster,
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


def assert_several_train_as_one(folder, commands, count):
    """Checks the run "several" of `count` processes against the run "one" of one process."""
    assert finish(start(commands["one"])).status == 0
    port = find_port()
    processes = [
        start(commands["several"], *name_cluster(port, index, count)) for index in range(count)
    ]
    first, *others = map(finish, processes)
    assert first.status == 0, first
    assert others == [(0, [], [])] * (count - 1)
    assert_same_results(folder / "several", folder / "one")


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
    commands = {name: [*command, f"--workdir={tmp_path / name}"] for name in ("one", "several")}
    assert_several_train_as_one(tmp_path, commands, 2)


def test_fewer_validation_images_than_processes(shapes, tmp_path):
    for name in ("red", "blue"):
        files = sorted((shapes / name).iterdir())
        parts = {"train": files[:8], "valid": files[8:9], "test": files[9:10]}
        for split, images in parts.items():
            target = tmp_path / "images" / split / name
            target.mkdir(parents=True)
            for image in images:
                shutil.copy(image, target)
    fields = {"train.epochs": 2, "train.batch_size": 12}
    commands = {
        name: make_command(tmp_path / "images", tmp_path, name, **fields)
        for name in ("one", "several")
    }
    assert_several_train_as_one(tmp_path, commands, 3)
    results = read_results(tmp_path / "several")
    assert [results[split]["count"] for split in ("train", "valid", "test")] == [16, 2, 2]
