"""At which size a network looks at a picture."""

import numpy as np
import pytest

from gv_jax.serving.colorizer import GRID, working_size


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((1, 1), (1, 1)),
        ((104, 80), (104, 80)),
        ((80, 104), (80, 104)),
        ((210, 160), (104, 80)),  # a console's screen, which the training pictures were made of
        ((208, 161), (104, 80)),
        ((1080, 1920), (72, 120)),
        ((3, 100_000), (8, 1048)),  # too long for its proportions
    ],
)
def test_as_many_pixels_as_in_training_in_the_pictures_own_proportions(size, expected):
    assert working_size(*size, (104, 80)) == expected


def test_few_sizes_serve_all_large_pictures():
    sides = np.random.default_rng(0).integers(100, 3000, (2000, 2))
    found = {working_size(int(height), int(width), (104, 80)) for height, width in sides}
    assert len(found) < 100
    for height, width in found:
        assert (height, width) == (104, 80) or height % GRID == width % GRID == 0
        assert 0.75 < height * width / (104 * 80) < 1.35
