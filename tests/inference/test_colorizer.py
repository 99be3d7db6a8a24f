"""At which size a network sees a picture."""

import numpy as np
import pytest

from gv_jax.inference.colorizer import MAX_AREA_FACTOR, NATIVE_SIZES, PAD_MULTIPLE, working_size

SCREEN = (104, 80)


@pytest.mark.parametrize(
    ("size", "trained", "fit", "expected"),
    [
        ((1, 1), SCREEN, "stretch", SCREEN),
        ((1080, 1920), SCREEN, "stretch", SCREEN),
        ((210, 160), SCREEN, "crop", SCREEN),  # a console's screen at half its size: 105x80
        (
            (1080, 1920),
            (96, 128),
            "crop",
            (96, 168),
        ),  # 96 rows, as a training picture of that size had
        ((1080, 1920), (96, 128), "pad", (72, 128)),
        ((16, 16), (96, 128), "crop", (128, 128)),
        ((1, 100_000), (96, 128), "crop", (8, 6152)),
        ((17, 30), (0, 0), "crop", (17, 30)),
        ((256, 256), (0, 0), "stretch", (256, 256)),
        ((1000, 1000), (0, 0), "stretch", (256, 256)),
    ],
)
def test_pictures_are_seen_as_in_training(size, trained, fit, expected):
    assert working_size(*size, trained, fit) == expected


@pytest.mark.parametrize("trained", [(96, 128), (0, 0)])
def test_few_sizes_serve_all_large_pictures(trained):
    sides = np.random.default_rng(0).integers(300, 3000, (3000, 2))
    found = {working_size(int(height), int(width), trained, "crop") for height, width in sides}
    assert len(found) < 150
    most = MAX_AREA_FACTOR * trained[0] * trained[1] or NATIVE_SIZES
    for height, width in found:
        assert height % PAD_MULTIPLE == width % PAD_MULTIPLE == 0
        assert height * width <= 1.2 * most
