"""A tiny super-resolution run, and what can be done with it."""

import json
import shutil

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from configs import folder, super_resolution
from gv_jax import experiment, settings
from gv_jax.errors import UserError
from gv_jax.image.metrics import psnr
from gv_jax.inference.upscale import load_upscaler, load_upscaling_run, split_tiles


@pytest.fixture(scope="module")
def run(shapes, tmp_path_factory):
    base = tmp_path_factory.mktemp("enlarging")
    config = super_resolution.get_config(str(shapes))
    config.update_from_flattened_dict(
        {
            "data.root": str(base / "data"),
            "data.size": (32, 32),
            "train.batch_size": 4,
            "augment.random_crop": 24,
            "train.steps_per_epoch": 5,
            "train.epochs": 2,
            "train.valid_batches": 1,
        }
    )
    experiment.run(config, base / "run")
    return base / "run"


def noise(*shape):
    smooth = np.random.default_rng(0).integers(
        0, 256, (shape[0] // 8 + 1, shape[1] // 8 + 1, 3), dtype=np.uint8
    )
    return np.asarray(
        Image.fromarray(smooth).resize((shape[1], shape[0]), Image.Resampling.BICUBIC)
    )


def test_folder_is_that_of_any_run(run):
    results = json.loads((run / "results.json").read_text())
    assert results["task"] == "super_resolution"
    for split in ("train", "valid", "test"):
        assert {"count", "loss", "psnr", "ssim"} <= set(results[split])
        assert {"loss", "psnr", "ssim"} <= set(results["baseline"][split])
    assert results["baseline"]["name"] == "bicubic"
    lines = (run / "predictions.csv").read_text().splitlines()
    assert lines[0] == "id,mse,psnr,ssim,baseline_psnr,gain_db,split"
    assert len(lines) == 1 + 72
    names = {file.name for file in (run / "figures").iterdir()}
    assert names >= {"gains.png", "examples.png", "whole.png", "augmented.png", "curve_psnr.png"}
    assert "bicubic" in (run / "report.html").read_text()


def test_enlarger_says_what_the_report_counted(run, shapes):
    """The last row of predictions.csv, made again from the file that it is of."""
    identity, _, expected, *_ = (run / "predictions.csv").read_text().splitlines()[-1].split(",")
    with Image.open(shapes / identity) as picture:
        original = picture.resize((32, 32), Image.Resampling.BICUBIC)
    enlarge = load_upscaler(run)
    found = enlarge(np.asarray(original.resize((16, 16), Image.Resampling.BICUBIC)))
    pair = (
        jnp.asarray(np.asarray(values), jnp.float32)[None] / 255.0 for values in (found, original)
    )
    assert float(psnr(*pair)[0]) == pytest.approx(float(expected), abs=0.05)


@pytest.mark.parametrize("size", [(1, 1), (7, 20), (33, 16)])
def test_any_size_comes_out_doubled(run, size):
    found = load_upscaler(run)(noise(*size))
    assert (found.shape, found.dtype) == ((2 * size[0], 2 * size[1], 3), np.uint8)


def test_tiles_join_without_a_seam(run, monkeypatch):
    picture = noise(300, 40)
    tiled = load_upscaler(run)(picture)
    monkeypatch.setattr("gv_jax.inference.upscale.TILE_PX", 512)
    whole = load_upscaler(run)(picture)
    difference = np.abs(tiled.astype(int) - whole)
    assert difference.max() <= 3
    assert np.abs(difference).mean() < 0.2


@pytest.mark.parametrize("size", [1, 100, 256, 257, 300, 448, 449, 1000, 1921])
def test_tiles_cover_every_pixel_once_and_keep_the_grid(size):
    parts = list(split_tiles(size))
    assert np.concatenate([np.arange(kept.start, kept.stop) for _, kept in parts]).tolist() == list(
        range(size)
    )
    for number, (seen, kept) in enumerate(parts):
        assert seen.start % 16 == 0
        assert seen.stop - seen.start <= 256
        assert kept.start - seen.start >= (24 if number else 0)
        assert seen.stop - kept.stop >= (24 if number < len(parts) - 1 else 0)


@pytest.mark.parametrize(
    "picture", [np.zeros((4, 4, 1), np.uint8), np.zeros((4, 4, 3)), np.zeros((4, 4), np.uint8)]
)
def test_other_pictures_are_refused(run, picture):
    with pytest.raises(UserError, match=r"run takes uint8 \[height, width, 3\]"):
        load_upscaler(run)(picture)


def test_other_folders_are_refused(run, tmp_path):
    with pytest.raises(UserError, match="holds no finished run"):
        load_upscaler(tmp_path / "nowhere")
    other = tmp_path / "other"
    shutil.copytree(run, other)
    results = json.loads((other / "results.json").read_text())
    (other / "results.json").write_text(json.dumps(results | {"task": "classification"}))
    with pytest.raises(UserError, match="a run of classification"):
        load_upscaler(other)
    (other / "results.json").write_text(json.dumps(results))
    shutil.rmtree(other / "checkpoints")
    with pytest.raises(UserError, match="holds no checkpoint"):
        load_upscaling_run(other)


def test_a_finished_run_enlarges_the_pictures_of_another(run, shapes, tmp_path):
    config = folder.get_config(str(shapes))
    config.update_from_flattened_dict(
        {"data.root": str(tmp_path), "data.size": (16, 16), "data.preprocess": "super_resolution"}
    )
    config = settings.resolve_config(config)
    with pytest.raises(UserError, match=r"config\.data\.super_resolution=RUN_FOLDER"):
        settings.load_dataset(config)
    config.data.super_resolution = str(tmp_path / "nowhere")
    with pytest.raises(UserError, match="no finished run"):
        settings.load_dataset(config)
    config.data.super_resolution = str(run)
    pictures = settings.load_dataset(config).splits["test"]
    assert pictures.images.shape[1:] == (32, 32, 3)
    with Image.open(shapes / pictures.ids[0]) as picture:
        np.testing.assert_array_equal(pictures.images[0], load_upscaler(run)(np.asarray(picture)))
