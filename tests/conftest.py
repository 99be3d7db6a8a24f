"""Strictness lives here: every test runs under strict dtype promotion, no rank promotion, and NaNs raise.

What XLA compiles for one run is kept for the others, of all processes of the tests, and deleted with the last.
"""

import os
import shutil
import tempfile
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image


def pytest_configure(config: pytest.Config) -> None:
    if not os.environ.get(
        "JAX_COMPILATION_CACHE_DIR"
    ):  # which the workers of pytest-xdist have from the first process
        folder = os.environ["JAX_COMPILATION_CACHE_DIR"] = tempfile.mkdtemp(
            prefix="gv_jax-compiled-"
        )
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    jax.config.update("jax_compilation_cache_dir", os.environ["JAX_COMPILATION_CACHE_DIR"])


@pytest.fixture(autouse=True)
def strict():
    """Optax promotes integers itself; `tests/training` and whole runs turn strict promotion off again."""
    with (
        jax.numpy_dtype_promotion("strict"),
        jax.numpy_rank_promotion("raise"),
        jax.debug_nans(True),
    ):
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
