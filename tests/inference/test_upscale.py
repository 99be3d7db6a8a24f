"""Upscaling with a finished run: sizes, tiles, and what is refused."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from gv_jax.errors import UserError
from gv_jax.inference.upscale import (
    load_upscaler,
    run_fingerprint,
    split_tiles,
)


@pytest.fixture(scope="module")
def upscale(super_resolution_run):
    return load_upscaler(super_resolution_run)


def smooth_noise(height, width):
    small = np.random.default_rng(0).integers(
        0, 256, (height // 8 + 1, width // 8 + 1, 3), dtype=np.uint8
    )
    return np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC))


@pytest.mark.parametrize("size", [(1, 1), (7, 20), (33, 16)])
def test_any_size_is_doubled(upscale, size):
    upscaled = upscale(smooth_noise(*size))
    assert (upscaled.shape, upscaled.dtype) == ((2 * size[0], 2 * size[1], 3), np.uint8)


def test_tiles_join_without_a_seam(super_resolution_run, upscale, monkeypatch):
    image = smooth_noise(300, 40)
    tiled = upscale(image)
    monkeypatch.setattr("gv_jax.inference.upscale.TILE_PX", 512)
    difference = np.abs(tiled.astype(int) - upscale(image))
    assert difference.max() <= 3
    assert difference.mean() < 0.2


@pytest.mark.parametrize("size", [1, 100, 256, 257, 300, 448, 449, 1000, 1921])
def test_tiles_cover_every_pixel_once_and_start_on_the_grid(size):
    tiles = list(split_tiles(size))
    covered = np.concatenate([np.arange(valid.start, valid.stop) for _, valid in tiles])
    assert covered.tolist() == list(range(size))
    for index, (tile, valid) in enumerate(tiles):
        assert tile.start % 16 == 0
        assert tile.stop - tile.start <= 256
        assert valid.start - tile.start >= (24 if index else 0)
        assert tile.stop - valid.stop >= (24 if index < len(tiles) - 1 else 0)


@pytest.mark.parametrize(
    "image", [np.zeros((4, 4, 1), np.uint8), np.zeros((4, 4, 3)), np.zeros((4, 4), np.uint8)]
)
def test_other_arrays_are_refused(upscale, image):
    with pytest.raises(UserError, match=r"uint8 \[height, width, 3\]"):
        upscale(image)


def test_other_directories_are_refused(super_resolution_run, tmp_path):
    with pytest.raises(UserError, match="nowhere"):
        load_upscaler(tmp_path / "nowhere")
    other = tmp_path / "other"
    shutil.copytree(super_resolution_run, other)
    results = json.loads((other / "results.json").read_text())
    (other / "results.json").write_text(json.dumps(results | {"task": "classification"}))
    with pytest.raises(UserError, match=r"classification.*super_resolution"):
        load_upscaler(other)
    (other / "results.json").write_text(json.dumps(results))
    shutil.rmtree(other / "checkpoints")
    with pytest.raises(UserError, match="other/checkpoints"):
        load_upscaler(other)


def test_the_fingerprint_identifies_a_run_wherever_it_is(super_resolution_run, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(super_resolution_run, copy)
    assert run_fingerprint(copy) == run_fingerprint(super_resolution_run)
    metadata = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(metadata | {"seed": 1}))
    assert run_fingerprint(copy) != run_fingerprint(super_resolution_run)


def test_a_run_of_an_older_format_is_rejected(super_resolution_run, tmp_path):
    old = tmp_path / "old"
    shutil.copytree(super_resolution_run, old)
    metadata = json.loads((old / "config.json").read_text())
    del metadata["format_version"]
    (old / "config.json").write_text(json.dumps(metadata))
    with pytest.raises(UserError, match=r"old.*format_version 1"):
        load_upscaler(old)
