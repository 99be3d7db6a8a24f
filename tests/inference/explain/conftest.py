"""A network whose predictions have a known reason."""

from collections.abc import Callable

import numpy as np
import pytest

from gv_jax.inference.explain.map_maker import LAYER_METHODS, MAPS
from tests.inference.explain.markers import TinyCNN, draw_markers, map_all, train_network


@pytest.fixture(scope="session")
def network() -> TinyCNN:
    """Trained on images with markers; a few seconds."""
    return train_network(200)


@pytest.fixture(scope="session")
def held_out() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images, classes, and which pixels the markers cover."""
    return draw_markers(40, seed=11)


@pytest.fixture(scope="session")
def trained_maps(network, held_out) -> Callable[[str], np.ndarray]:
    """Name of a method -> its maps of the held-out images [n h' w']; computed once."""
    computed: dict[str, np.ndarray] = {}

    def compute(method: str) -> np.ndarray:
        if method not in computed:
            layer = "conv2" if method in LAYER_METHODS else ""
            images, labels, _ = held_out
            computed[method] = map_all(MAPS[method], network, images, labels, layer)
        return computed[method]

    return compute
