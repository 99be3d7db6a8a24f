"""Strictness lives here: every test runs under strict dtype promotion, no rank promotion, and NaNs raise."""

from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image


@pytest.fixture(autouse=True)
def strict():
    """Optax promotes integers itself; `tests/training` and whole runs turn strict promotion off again."""
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"), jax.debug_nans(True):
        yield


@pytest.fixture(scope="session")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 3 classes x 24 small RGB pictures that any classifier can learn: a noisy square somewhere."""
    root = tmp_path_factory.mktemp("shapes")
    draws = np.random.default_rng(0)
    for channel, name in enumerate(("red", "green", "blue")):
        (root / name).mkdir()
        for number in range(24):
            picture = draws.integers(0, 60, (16, 16, 3), dtype=np.uint8)
            top, left = draws.integers(0, 8, 2)
            picture[top : top + 8, left : left + 8, channel] += 180
            Image.fromarray(picture).save(root / name / f"{number:02d}.png")
    return root
