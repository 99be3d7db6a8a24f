"""`gv-jax predict --explain`: one image per file, and one-line mistakes."""

import numpy as np
import pytest
from PIL import Image

from gv_jax.inference.explain.explainer import METHODS
from gv_jax.inference.stored.neighbors import Neighbors, encode_thumbnail, write_neighbors
from tests.inference.files.images import snapshot, write_image
from tests.inference.runs import write_classification_run


@pytest.fixture(autouse=True)
def strict():
    """Orbax promotes dtypes itself."""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run that was not trained, with five stored training images."""
    path = write_classification_run(tmp_path_factory.mktemp("run") / "run")
    rng = np.random.default_rng(0)
    features = rng.normal(size=(5, 32 * 4 * 6)).astype(np.float16)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    images = rng.integers(0, 256, (5, 16, 24, 3), np.uint8)
    thumbnails = tuple(encode_thumbnail(image, 64) for image in images)
    ids = tuple(f"red/日本{index}.png" for index in range(5))
    write_neighbors(path, Neighbors(features, ids, ("red",) * 5, thumbnails))
    return path


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("pack/a.png", "pack/sub/a.jpg", "pack/sub/a.png"):
        write_image(tmp_path / name, (200, 30, 30))
    return tmp_path / "pack"


@pytest.mark.parametrize("method", METHODS)
def test_explanations_keep_relative_names(command, run, folder, tmp_path, method):
    done = command("predict", run, "pack", "--explain", "maps", "--explain-method", method)
    assert done.status == 0, done.err
    names = [f"a.png.{method}.png", f"sub/a.jpg.{method}.png", f"sub/a.png.{method}.png"]
    files = [path for path in (tmp_path / "maps").rglob("*") if path.is_file()]
    assert sorted(path.relative_to(tmp_path / "maps").as_posix() for path in files) == names
    for file in files:
        with Image.open(file) as image:
            assert image.mode == "RGB"
            assert image.height >= 160
            assert image.width >= 2 * 240
    assert len(done.out.splitlines()) == 4


def test_a_second_command_replaces_its_explanations(command, run, folder, tmp_path):
    for _ in range(2):
        assert command("predict", run, "pack/a.png", "--explain", "maps").status == 0
    assert [path.name for path in (tmp_path / "maps").iterdir()] == ["a.png.grad_cam.png"]


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--explain-method", "nearest"], "--explain"),
        (["--explain", "maps", "--explain-method", "lime"], "occlusion"),
        (["--explain", "maps", "--sort-into", "sorted"], "--sort-into"),
        (["--explain", "pack/maps"], "pack"),
        (["--explain", "pack/a.png"], "pack/a.png"),
    ],
)
def test_mistakes_are_one_line_and_write_nothing(command, run, folder, tmp_path, words, named):
    before = snapshot(tmp_path)
    done = command("predict", run, "pack", *words)
    assert done.status == 2
    assert len(done.err.splitlines()) == 1
    assert named in done.err
    assert snapshot(tmp_path) == before


def test_no_explanation_replaces_an_image(command, run, folder, tmp_path):
    image = write_image(tmp_path / "a.png.grad_cam.png", (1, 2, 3))
    write_image(tmp_path / "a.png", (1, 2, 3))
    before = snapshot(tmp_path)
    done = command("predict", run, "a.png", "a.png.grad_cam.png", "--explain", ".")
    assert done.status == 2, image
    assert snapshot(tmp_path) == before


def test_two_images_of_one_name(command, run, folder):
    done = command("predict", run, "pack/a.png", "pack/sub/a.png", "--explain", "maps")
    assert done.status == 2
    assert "pack/sub/a.png" in done.err


def test_the_help_lists_the_methods(command):
    done = command("predict", "--help")
    assert all(method in " ".join(done.out.split()) for method in METHODS)


def test_nearest_needs_stored_images(command, tmp_path, folder):
    run = write_classification_run(tmp_path / "other")
    done = command("predict", run, "pack", "--explain", "maps", "--explain-method", "nearest")
    assert done.status == 2
    assert "inference.neighbors" in done.err
    assert not (tmp_path / "maps").exists()
