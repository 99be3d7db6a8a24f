"""A whole colorization run: its files, and its use on other images."""

import csv

import numpy as np
import pytest
from PIL import Image
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from configs import colorize
from gv_jax import experiment
from gv_jax.inference.color.colorizer import load_colorizer
from gv_jax.inference.files.colorize_files import colorize_files
from tests.inference.scenes import to_gray
from tests.runs.runs import find_unregistered_metrics, read_results

pytestmark = pytest.mark.slow

SKY, GRASS, HERO = (40, 80, 220), (60, 130, 30), (220, 60, 40)


def frame(index, negative=False):
    """A figure that walks under a sky, uint8 [16 20 3]."""
    image = np.zeros((16, 20, 3), np.uint8)
    horizon = 5 + index % 4
    image[:horizon], image[horizon:] = SKY, GRASS
    image[11:15, index % 15 : index % 15 + 5] = HERO
    return 255 - image if negative else image


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run on two games of 30 frames: the second is the negative of the first, in tall frames."""
    base = tmp_path_factory.mktemp("colorization")
    for game in ("day", "night"):
        (base / "games" / game).mkdir(parents=True)
        for index in range(30):
            pixels = frame(index, negative=game == "night")
            image = Image.fromarray(np.rot90(pixels) if game == "night" else pixels)
            image.save(base / "games" / game / f"f{index:03d}.png")
    config = colorize.get_config(str(base / "games"))
    config.update_from_flattened_dict(
        {
            "data.root": str(base / "data"),
            "data.size": (16, 20),
            "data.interpolation": "nearest",  # adds no colors
            "data.frames_folder.scene_length": 3,
            "data.frames_folder.gap": 1,
            "data.valid_fraction": 0.2,
            "data.test_fraction": 0.2,
            "degrade.gray_levels": 4,
            "color_head.predict_lightness": True,
            "train.batch_size": 8,
            "train.epochs": 6,
            "train.report_epochs": (2, 9),
            "optimizer.learning_rate": 1e-2,
        }
    )
    return base / "run", experiment.run(config, base / "run")


def test_results_are_compared_with_every_baseline(finished):
    run, summary = finished
    results = read_results(run)
    metrics = set(results["test"]) - {"count"}
    assert {"mse", "mae", "psnr", "ssim", "ciede2000", "within_5", "flicker"} <= metrics
    for baseline in ("gray", "mean_color", "gray_lookup"):
        assert set(results["baseline"][baseline]) >= metrics - {"loss"}
    assert results["test"]["mse"] < results["baseline"]["gray_lookup"]["mse"]
    assert len(results["color_head"]["palette"]) == 6
    assert [row["epoch"] for row in results["epochs"]] == [2]
    assert {row["game"] for row in results["per_game"]} == {"day", "night"}
    assert "CIEDE2000" in summary
    assert find_unregistered_metrics(run) == set()


def test_predictions_have_a_row_per_image(finished):
    run, _ = finished
    results = read_results(run)
    rows = csv.DictReader((run / "predictions.csv").read_text().splitlines())
    errors = [float(row["mse"]) for row in rows if row["split"] == "test"]
    assert len(errors) == results["test"]["count"]
    assert np.mean(errors) == pytest.approx(results["test"]["mse"], rel=1e-4)


def test_whole_images_are_measured_as_the_command_writes_them(finished, tmp_path):
    """The files of `gv-jax colorize`, measured by scikit-image, give the numbers of the report."""
    run, _ = finished
    rows = csv.DictReader((run / "predictions.csv").read_text().splitlines())
    files = [run.parent / "games" / row["id"] for row in rows if row["split"] == "test"]
    whole = read_results(run)["whole_images"]
    assert (whole["of"], whole["count"]) == ("test", len(files))
    for file in files:
        colorize_files(run, [file], tmp_path / file.parent.name, steady=False)
    differences, errors, ratios, similarities = [], [], [], []
    for file in files:
        target = tmp_path / file.parent.name / file.name
        image, original = (np.asarray(Image.open(path)) for path in (target, file))
        assert image.shape == original.shape
        lab, true_lab = rgb2lab(image), rgb2lab(original)
        differences.append(deltaE_ciede2000(lab, true_lab).mean())
        errors.append(np.square((lab - true_lab)[..., 1:] / 128).mean())
        ratios.append(peak_signal_noise_ratio(original, image))
        similarities.append(
            structural_similarity(
                original,
                image,
                channel_axis=-1,
                data_range=255,
                gaussian_weights=True,
                sigma=1.5,
                use_sample_covariance=False,
            )
        )
    assert whole["ciede2000"] == pytest.approx(np.mean(differences), abs=2e-3)
    assert whole["mse"] == pytest.approx(np.mean(errors), rel=1e-3)
    assert whole["psnr"] == pytest.approx(np.mean(ratios), abs=1e-2)
    assert whole["ssim"] == pytest.approx(np.mean(similarities), abs=1e-3)
    assert f"CIEDE2000 {whole['ciede2000']:.2f}" in read_results(run)["summary"]


def test_the_report_shows_its_figures(finished):
    run, _ = finished
    page = (run / "report.html").read_text()
    for title in ("Every game", "Palettes", "Lightness restored", "whole test images"):
        assert title in page
    for name in ("examples", "games", "palettes", "restored", "augmented", "curve_mse"):
        assert (run / "figures" / f"{name}.png").stat().st_size > 1000


def test_the_run_colorizes_images_of_any_size(finished):
    run, _ = finished
    colorizer = load_colorizer(run)
    image = colorizer(np.full((7, 33, 1), 85, np.uint8))
    assert (image.shape, image.dtype) == ((7, 33, 3), np.uint8)
    assert np.ptp(image.astype(int), axis=-1).max() > 10


def test_the_run_learned_colors(finished):
    run, _ = finished
    original = frame(4)
    grays = to_gray(original)[..., None]
    colorized = load_colorizer(run)(original)
    error, gray_error = (
        np.abs(image - original.astype(float)).mean() for image in (colorized, grays)
    )
    assert error < 0.85 * gray_error
