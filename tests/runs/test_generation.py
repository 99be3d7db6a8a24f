"""A whole generation run: what it learns, its files, and the images that the command writes."""

import numpy as np
import pytest
from PIL import Image

import gv_jax
from configs import generate_tiles
from gv_jax import experiment
from gv_jax.cli.generate import generate
from gv_jax.errors import UserError
from tests.runs.runs import find_unregistered_metrics, read_results

pytestmark = pytest.mark.slow

COLORS = {"grass": (40, 180, 60), "lava": (220, 60, 20)}


def write_tiles(folder, count=60):
    """Flat tiles of two colors with a little noise; those of "lava" have a transparent corner.

    A third of each class is darker than the rest.
    """
    rng = np.random.default_rng(0)
    for name, color in COLORS.items():
        (folder / name).mkdir(parents=True)
        for index in range(count):
            pixels = np.empty((16, 16, 4), np.uint8)
            noise = rng.integers(-12, 13, (16, 16, 3)) + (10, -40)[index % 3 == 0]
            pixels[..., :3] = np.clip(np.array(color) + noise, 0, 255)
            pixels[..., 3] = 255
            if name == "lava":
                pixels[:5, :5, 3] = 0
            Image.fromarray(pixels).save(folder / name / f"{name}{index:03}.png")


def make_config(folder, base, epochs=12):
    config = generate_tiles.get_config()
    config.update_from_flattened_dict(
        {
            "data.name": "image_folder",
            "data.path": str(folder),
            "data.root": str(base / "data"),
            "data.size": (16, 16),
            "data.valid_fraction": 0.15,
            "data.test_fraction": 0.2,
            "generation.tileable": ("grass",),
            "generation.layouts": 40,
            "generation.steps": 6,
            "inference.samples": 24,
            "train.batch_size": 16,
            "train.epochs": epochs,
            "train.steps_per_epoch": 40,
            "train.ema": 0.97,
        }
    )
    return config


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    base = tmp_path_factory.mktemp("generation")
    write_tiles(base / "tiles")
    experiment.run(make_config(base / "tiles", base), base / "run")
    return base / "run"


def test_the_report_measures_generated_images(run):
    results = read_results(run)
    assert results["task"] == "generation"
    assert results["alpha"] == {"grass": "opaque", "lava": "binary"}
    assert results["train_counts"] == {"grass": 39, "lava": 39}
    assert results["generated_count"] == 24
    own = results["test"]
    assert {"count", "loss", "kid", "kid_error", "class_accuracy", "copies", "colors"} <= set(own)
    assert own["seam_score"] > 0
    assert {row["images"] for row in results["comparison"]} == {
        "generated images",
        "real images",
        "blends of nearest neighbors",
        "Gaussian of pixels per class",
        "shuffled pixels",
    }
    assert set(results["baseline"]["test"]) <= set(own)
    assert find_unregistered_metrics(run) == set()
    names = {file.name for file in (run / "figures").iterdir()}
    assert names >= {"generated.png", "closest_pairs.png", "tiles.png", "curve_loss.png"}
    assert "Gaussian of pixels per class" in (run / "report.html").read_text()
    lines = (run / "predictions.csv").read_text().splitlines()
    assert lines[0] == "id,loss,split"
    assert len(lines) == 1 + 120


def test_images_have_the_color_and_the_alpha_of_their_class(run):
    loaded = gv_jax.load_run(run)
    for name, color in COLORS.items():
        images = loaded.generate(name, 8, seed=1).astype(float)
        visible = images[..., 3] == 255
        mean = images[..., :3][visible].mean(0)
        assert np.abs(mean - color).max() < 40, (name, mean)
        corner = images[:, 1:4, 1:4, 3].mean() / 255
        assert corner < 0.3 if name == "lava" else corner == 1, (name, corner)
    results = read_results(run)
    assert results["test"]["class_accuracy"] > 0.7


def test_kinds_of_images_are_as_frequent_as_in_training(run):
    loaded = gv_jax.load_run(run)
    for name, color in COLORS.items():
        count = len(read_results(run)["layouts"][name])
        assert count == {"grass": 20, "lava": 39}[name]  # grass: the half with matching borders
        images = loaded.generate(name, count, seed=3).astype(float)  # each layout once
        means = [image[..., :3][image[..., 3] == 255].mean() for image in images]
        dark = np.mean(np.array(means) < np.mean(color) - 15)
        assert dark == pytest.approx(1 / 3, abs=0.1), (name, means)
        dark_image = np.full((16, 16, 4), (*np.maximum(np.array(color) - 40, 0), 255), np.uint8)
        likes = loaded.generate(name, 6, like=dark_image, strength=0.9)[..., :3].mean((1, 2, 3))
        assert (likes < np.mean(color)).mean() > 0.8


def test_a_finished_run_is_evaluated_with_other_guidance(run):
    before = read_results(run)
    config = make_config(run.parent / "tiles", run.parent)
    trained_with, config.generation.guidance = config.generation.guidance, 1.5
    experiment.evaluate(config, run)
    after = read_results(run)
    assert (before["sampling"]["guidance"], after["sampling"]["guidance"]) == (trained_with, 1.5)
    assert gv_jax.load_run(run).sampling().guidance == 1.5
    assert after["test"]["loss"] == before["test"]["loss"]
    assert after["comparison"][0] != before["comparison"][0]  # generated images
    config.generation.layouts = 1
    with pytest.raises(UserError, match="layouts is 40 "):
        experiment.evaluate(config, run)
    config = make_config(run.parent / "tiles", run.parent)
    experiment.evaluate(config, run)


def test_the_command_writes_the_images_of_the_report(run, tmp_path):
    assert generate([str(run), "--count=12", f"--output={tmp_path}"]) == 0
    loaded = gv_jax.load_run(run)
    for name in COLORS:
        files = sorted((tmp_path / name).iterdir())
        images = np.stack([np.asarray(Image.open(file)) for file in files])
        np.testing.assert_array_equal(images, loaded.generate(name, 12))


def test_generated_images_train_a_classifier(run, tmp_path):
    generate([str(run), "--count=10", f"--output={tmp_path / 'generated'}"])
    config = make_config(run.parent / "tiles", run.parent, epochs=1)
    config.update_from_flattened_dict(
        {
            "task": "classification",
            "model.name": "shared_net",
            "data.train_fraction": 0.3,
            "data.generated": str(tmp_path / "generated"),
        }
    )
    experiment.run(config, tmp_path / "run")
    results = read_results(tmp_path / "run")
    assert results["train"]["count"] == 20 + 2 * 12
    assert results["test"]["count"] == 24
