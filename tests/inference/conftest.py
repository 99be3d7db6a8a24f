"""Finished runs of networks that were not trained: what inference does is the same."""

import pytest

from gv_jax.inference.color.colorizer import load_colorizer
from tests.inference.runs import (
    write_colorization_run,
    write_generation_run,
    write_super_resolution_run,
)


@pytest.fixture(autouse=True)
def strict():
    """Orbax and Optax promote dtypes themselves."""


@pytest.fixture(scope="session")
def colorization_run(tmp_path_factory):
    return write_colorization_run(tmp_path_factory.mktemp("colorization") / "run")


@pytest.fixture(scope="session")
def colorizer(colorization_run):
    return load_colorizer(colorization_run)


@pytest.fixture(scope="session")
def super_resolution_run(tmp_path_factory):
    return write_super_resolution_run(tmp_path_factory.mktemp("super_resolution") / "run")


@pytest.fixture(scope="session")
def generation_run(tmp_path_factory):
    return write_generation_run(tmp_path_factory.mktemp("generation") / "run")
