"""A tiny run whose training pictures are gone."""

import shutil

import pytest
from PIL import Image

from configs import colorize as config_of
from gv_jax import experiment
from gv_jax.inference.colorizer import load_colorizer
from tests.colorize.scenes import scene


@pytest.fixture(autouse=True)
def strict():
    """Optax promotes integers itself."""


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """Frames of 16x24, a light box on a dark ground below a sky, learned in a few steps; then all is moved away."""
    base = tmp_path_factory.mktemp("colouring")
    (base / "frames").mkdir()
    for number in range(30):
        Image.fromarray(scene(number)).save(base / "frames" / f"f{number:03d}.png")
    config = config_of.get_config(str(base / "frames"))
    config.update_from_flattened_dict(
        {
            "data.root": str(base / "data"),
            "data.size": (16, 24),
            "data.frames_folder.scene_length": 3,
            "data.frames_folder.gap": 1,
            "data.valid_fraction": 0.2,
            "data.test_fraction": 0.2,
            "model.name": "alpha",
            "color_head.name": "mse",
            "train.batch_size": 8,
            "train.epochs": 6,
            "optimizer.learning_rate": 1e-2,
        }
    )
    experiment.run(config, base / "run")
    shutil.rmtree(base / "frames")
    for made in ("prepared", "cache"):
        shutil.rmtree(base / "data" / made)
    (base / "moved").mkdir()
    return (base / "run").rename(base / "moved" / "run")


@pytest.fixture(scope="session")
def color(run):
    return load_colorizer(run)
