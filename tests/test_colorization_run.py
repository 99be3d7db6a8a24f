"""A whole run that learns to colour, from frames to a report, and what it is good for afterwards."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from configs import colorize
from gv_jax import experiment
from gv_jax.config.validate import validate
from gv_jax.errors import UserError
from gv_jax.inference.colorizer import load_colorizer
from gv_jax.settings import resolve_config

SKY, GRASS, HERO = (40, 80, 220), (60, 130, 30), (220, 60, 40)


@pytest.fixture(autouse=True)
def strict():
    """Optax promotes integers itself."""


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    """Two games of 30 frames, 16x20 pixels: a hero walks under a sky; the second game is the first one's negative."""
    root = tmp_path_factory.mktemp("games")
    for game in ("day", "night"):
        (root / game).mkdir()
        for number in range(30):
            picture = np.zeros((16, 20, 3), np.uint8)
            horizon = 5 + number % 4
            picture[:horizon], picture[horizon:] = SKY, GRASS
            picture[11:15, number % 15 : number % 15 + 5] = HERO
            picture = 255 - picture if game == "night" else picture
            Image.fromarray(picture).save(root / game / f"f{number:03d}.png")
    return root


def small(frames, root, **changes):
    config = colorize.get_config(str(frames))
    assert config.data.name == "frames_folder"
    config.data.root = str(root)
    config.data.size = (16, 20)
    config.data.frames_folder.scene_length = 3
    config.data.frames_folder.gap = 1
    config.data.valid_fraction = config.data.test_fraction = 0.2
    config.train.batch_size = 8
    config.train.epochs = 6
    config.train.report_epochs = (2, 9)
    config.optimizer.learning_rate = 1e-2
    config.update_from_flattened_dict(changes)
    return config


@pytest.fixture(scope="module")
def finished(frames, tmp_path_factory):
    base = tmp_path_factory.mktemp("finished")
    config = small(
        frames, base / "data", **{"degrade.gray_levels": 4, "color_head.predict_lightness": True}
    )
    return base / "run", experiment.run(config, base / "run")


def test_results_stand_beside_every_floor(finished):
    run, said = finished
    results = json.loads((run / "results.json").read_text())
    floors = ("gray", "mean_color", "gray_lookup")
    measures = set(results["test"]) - {"count"}
    assert {
        "mse",
        "mae",
        "psnr",
        "ssim",
        "ciede2000",
        "within_5",
        "colorfulness",
        "flicker",
    } <= measures
    assert all(set(results["baseline"][floor]) >= measures - {"loss"} for floor in floors)
    assert results["test"]["mse"] < results["baseline"]["gray_lookup"]["mse"]
    assert len(results["color_head"]["palette"]) == 6
    assert [row["epoch"] for row in results["epochs"]] == [2]
    assert {row["game"] for row in results["per_game"]} == {"day", "night"}
    assert "CIEDE2000" in said


def test_predictions_tell_every_picture(finished):
    run, _ = finished
    results = json.loads((run / "results.json").read_text())
    rows = list(csv.DictReader((run / "predictions.csv").read_text().splitlines()))
    tests = [row for row in rows if row["split"] == "test"]
    assert len(tests) == results["test"]["count"]
    mean = np.mean([float(row["mse"]) for row in tests])
    assert mean == pytest.approx(results["test"]["mse"], rel=1e-4)


def test_the_report_shows_pictures_and_palettes(finished):
    run, _ = finished
    page = (run / "report.html").read_text()
    for title in ("Best, median and worst", "Every game", "Palettes", "within CIEDE2000 5"):
        assert title in page
    for name in ("examples", "games", "palettes", "augmented", "curve_mse"):
        assert (run / "figures" / f"{name}.png").stat().st_size > 1000


def test_a_finished_run_colours_pictures_of_any_size(finished):
    run, _ = finished
    made = load_colorizer(run)(np.full((7, 33, 1), 85, np.uint8))
    assert (made.shape, made.dtype) == ((7, 33, 3), np.uint8)
    assert np.ptp(made.astype(int), axis=-1).max() > 10


def test_a_folder_without_such_a_run_is_refused(tmp_path):
    with pytest.raises(UserError, match="holds no finished run"):
        load_colorizer(tmp_path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"data.channels": 1}, "config.data.channels must be 3"),
        ({"color_head.name": "bins", "color_head.predict_lightness": True}, "answers no lightness"),
        ({"model.name": "baseline"}, "models that are: alpha,"),
        ({"augment.mixup": 0.2}, "mixes labels"),
    ],
)
def test_what_cannot_be_coloured_is_refused(frames, tmp_path, changes, said):
    validate(resolve_config(small(frames, tmp_path)))
    with pytest.raises(UserError, match=said):
        validate(resolve_config(small(frames, tmp_path, **changes)))
