"""The colorizer: size of the network input, degradation, and what is refused."""

import json
import shutil

import numpy as np
import pytest

from gv_jax.errors import UserError
from gv_jax.inference.color.colorizer import (
    MAX_AREA_FACTOR,
    MAX_NATIVE_PIXELS,
    PAD_MULTIPLE,
    load_colorizer,
    working_size,
)
from tests.inference.runs import write_colorization_run
from tests.inference.scenes import to_gray

SCREEN = (104, 80)


@pytest.mark.parametrize(
    ("size", "train_size", "resize_mode", "expected"),
    [
        ((1, 1), SCREEN, "stretch", SCREEN),
        ((1080, 1920), SCREEN, "stretch", SCREEN),
        ((210, 160), SCREEN, "crop", SCREEN),  # half the size of a console's screen: 105x80
        ((1080, 1920), (96, 128), "crop", (96, 168)),  # 96 rows, as in training
        ((1080, 1920), (96, 128), "pad", (72, 128)),
        ((16, 16), (96, 128), "crop", (128, 128)),
        ((1, 100_000), (96, 128), "crop", (8, 6152)),
        ((17, 30), (0, 0), "crop", (17, 30)),
        ((256, 256), (0, 0), "stretch", (256, 256)),
        ((1000, 1000), (0, 0), "stretch", (256, 256)),
    ],
)
def test_network_input_has_the_scale_of_training(size, train_size, resize_mode, expected):
    assert working_size(size, train_size, resize_mode) == expected


@pytest.mark.parametrize("train_size", [(96, 128), (0, 0)])
def test_few_sizes_serve_all_large_images(train_size):
    sides = np.random.default_rng(0).integers(300, 3000, (3000, 2)).tolist()
    sizes = {working_size((height, width), train_size, "crop") for height, width in sides}
    assert len(sizes) < 150
    max_pixels = MAX_AREA_FACTOR * train_size[0] * train_size[1] or MAX_NATIVE_PIXELS
    for height, width in sizes:
        assert height % PAD_MULTIPLE == width % PAD_MULTIPLE == 0
        assert height * width <= 1.2 * max_pixels


def test_degradation_changes_the_network_input_but_not_the_gray_of_the_result(colorizer, tmp_path):
    run = write_colorization_run(tmp_path / "run", **{"degrade.gray_levels": 4})
    degraded = load_colorizer(run)
    rng = np.random.default_rng(0)
    dark, light = (rng.integers(low, low + 30, (16, 24), dtype=np.uint8) for low in (50, 90))
    chroma = [degraded.predict_low_res(grays, None).ab for grays in (dark, light)]
    np.testing.assert_array_equal(*chroma)  # both become gray level 85
    for grays in (dark, light):
        np.testing.assert_array_equal(to_gray(degraded(grays[..., None])), grays)
    chroma = [colorizer.predict_low_res(grays, None).ab for grays in (dark, light)]
    assert np.abs(chroma[0] - chroma[1]).max() > 0.01


@pytest.mark.parametrize(
    "image", [np.zeros((4, 4)), np.zeros((4, 4, 5), np.uint8), np.zeros((0, 4, 3), np.uint8)]
)
def test_arrays_that_are_no_image_are_refused(colorizer, image):
    with pytest.raises(UserError, match=r"uint8 \[height, width, 1 to 4\]"):
        colorizer(image)


def test_other_directories_are_refused(colorization_run, tmp_path):
    with pytest.raises(UserError, match=str(tmp_path)):
        load_colorizer(tmp_path)
    other = tmp_path / "other"
    shutil.copytree(colorization_run, other)
    results = json.loads((other / "results.json").read_text())
    (other / "results.json").write_text(json.dumps(results | {"task": "classification"}))
    with pytest.raises(UserError, match=r"other .*classification.* colorization"):
        load_colorizer(other)
