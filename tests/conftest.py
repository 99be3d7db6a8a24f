"""Strict numerics in every test: no implicit promotion of dtypes or ranks, and NaNs raise.

Compiled programs are cached for all processes of one test session and deleted at its end. The fast
tests compile at LLVM's level 1, which takes a third of the time; the slow ones as users do.
"""

import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from types import ModuleType

import jax
import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from PIL import Image

# Of property tests: few and always the same examples, or many new ones under the marker slow
SHARED = {"deadline": None, "database": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("fast", max_examples=40, derandomize=True, **SHARED)
settings.register_profile("slow", max_examples=2_000, **SHARED)

# torchvision's compiled operators need CUDA libraries, which the CPU build of torch lacks. Without
# them the import fails where it registers the operators' shapes. No backbone uses these operators.
sys.modules.setdefault(name := "torchvision._meta_registrations", ModuleType(name))

CACHE_VARIABLE = "JAX_COMPILATION_CACHE_DIR"


def pytest_configure(config: pytest.Config) -> None:
    if not os.environ.get(CACHE_VARIABLE):  # pytest-xdist workers inherit it
        folder = os.environ[CACHE_VARIABLE] = tempfile.mkdtemp(prefix="gv_jax-compiled-")
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    if "not slow" in config.option.markexpr:  # read by XLA at its first use, later than this
        os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=1")
    jax.config.update("jax_compilation_cache_dir", os.environ[CACHE_VARIABLE])


@pytest.fixture(autouse=True)
def strict():
    """Overridden where Optax or Orbax, which promote dtypes, are under test."""
    with (
        jax.numpy_dtype_promotion("strict"),
        jax.numpy_rank_promotion("raise"),
        jax.debug_nans(True),
    ):
        yield


@pytest.fixture(scope="session")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 3 classes x 24 RGB images (16x16): a noisy square in the color of the class."""
    root = tmp_path_factory.mktemp("shapes")
    rng = np.random.default_rng(0)
    for channel, name in enumerate(("red", "green", "blue")):
        (root / name).mkdir()
        for index in range(24):
            image = rng.integers(0, 60, (16, 16, 3), dtype=np.uint8)
            top, left = rng.integers(0, 8, 2)
            image[top : top + 8, left : left + 8, channel] += 180
            Image.fromarray(image).save(root / name / f"{index:02d}.png")
    return root


@pytest.fixture(scope="module")
def interruptible():
    """SIGINT raises KeyboardInterrupt, also where a shell started the tests in the background."""
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, previous)
