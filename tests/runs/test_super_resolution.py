"""A whole super-resolution run: its files, and its use on other images."""

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from configs import folder, super_resolution
from gv_jax import experiment, run_data
from gv_jax.config.resolve import resolve
from gv_jax.errors import UserError
from gv_jax.image.metrics import psnr
from gv_jax.inference.upscale import load_upscaler
from tests.runs.runs import find_unregistered_metrics, read_results

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def run(shapes, tmp_path_factory):
    base = tmp_path_factory.mktemp("super_resolution")
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


def test_files_of_the_run(run):
    results = read_results(run)
    assert results["task"] == "super_resolution"
    for split in ("train", "valid", "test"):
        assert {"count", "loss", "psnr", "ssim"} <= set(results[split])
        assert {"loss", "psnr", "ssim"} <= set(results["baseline"][split])
    assert results["baseline"]["name"] == "bicubic"
    assert find_unregistered_metrics(run) == set()
    lines = (run / "predictions.csv").read_text().splitlines()
    assert lines[0] == "id,mse,psnr,ssim,baseline_psnr,gain_db,split"
    assert len(lines) == 1 + 72
    names = {file.name for file in (run / "figures").iterdir()}
    assert names >= {"gains.png", "examples.png", "whole.png", "augmented.png", "curve_psnr.png"}
    assert "bicubic" in (run / "report.html").read_text()


def test_the_upscaler_has_the_psnr_of_the_report(run, shapes):
    """Computes the last row of predictions.csv again from its file."""
    name, _, expected, *_ = (run / "predictions.csv").read_text().splitlines()[-1].split(",")
    with Image.open(shapes / name) as image:
        original = image.resize((32, 32), Image.Resampling.BICUBIC)
    small = np.asarray(original.resize((16, 16), Image.Resampling.BICUBIC))
    upscaled = load_upscaler(run)(small)
    images = (
        jnp.asarray(np.asarray(image), jnp.float32)[None] / 255.0 for image in (upscaled, original)
    )
    assert float(psnr(*images)[0]) == pytest.approx(float(expected), abs=0.05)


def test_the_run_upscales_the_images_of_another_run(run, shapes, tmp_path):
    config = folder.get_config(str(shapes), {"recipe": "scratch"})
    changes = {"root": str(tmp_path), "size": (16, 16), "preprocess": "super_resolution"}
    config.data.update(changes)
    config = resolve(config)
    with pytest.raises(UserError, match=r"config\.data\.super_resolution"):
        run_data.load_data(config, config.data)
    config.data.super_resolution = str(tmp_path / "nowhere")
    with pytest.raises(UserError, match="nowhere"):
        run_data.load_data(config, config.data)
    config.data.super_resolution = str(run)
    split = run_data.load_data(config, config.data).splits["test"]
    assert split.images.shape[1:] == (32, 32, 3)
    with Image.open(shapes / split.ids[0]) as image:
        expected = load_upscaler(run)(np.asarray(image))
    np.testing.assert_array_equal(split.images[0], expected)
