"""Explains predictions of a finished classification run."""

from typing import TYPE_CHECKING

import numpy as np

from gv_jax.errors import UserError, unknown
from gv_jax.inference.explain.explanation import Explanation
from gv_jax.inference.explain.map_maker import LAYER_METHODS, MAPS, MapMaker, choose_layer
from gv_jax.inference.explain.overlay import draw_overlay
from gv_jax.inference.explain.strip import draw_neighbors

if TYPE_CHECKING:
    from gv_jax.inference.classifier import ClassifierRun

NEAREST = "nearest"  # by the nearest training images
METHODS = (*MAPS, NEAREST)
NUM_NEIGHBORS = 5


class Explainer:
    """Explains predictions of a run; compiles each method once.

    Attributes:
        run: The run.
        maps: Its network.
    """

    def __init__(self, run: "ClassifierRun") -> None:
        self.run = run
        dtype = run.config["model"]["dtype"]
        self.maps = MapMaker(run.loaded, (*run.image_size, run.channels), dtype)

    def explain(
        self, pixels: np.ndarray, method: str, label: str | None, layer: str | None
    ) -> Explanation:
        """The explanation of one image, uint8 [h w c] as of `ClassifierRun.prepare`."""
        layer_name = self.check(method, layer)
        label, index, probability = self._find_label(pixels, label)
        heat, neighbors = np.zeros(pixels.shape[:2], np.float32), ()
        if method == NEAREST:
            neighbors = tuple(self.run.nearest_to_array(pixels, NUM_NEIGHBORS))
            overlay = draw_neighbors(neighbors)
        else:
            heat = self.maps.make(method, pixels, index, layer_name)
            overlay = draw_overlay(pixels, heat)
        return Explanation(method, label, probability, layer_name, heat, pixels, overlay, neighbors)

    def check(self, method: str, layer: str | None = None) -> str:
        """The feature map that a method uses; "" for methods without.

        Raises:
            UserError: The run cannot be explained so.
        """
        if method not in METHODS:
            raise unknown("explanation method", method, METHODS)
        if method == NEAREST:
            self.run.require_neighbors()
        if method not in LAYER_METHODS:
            if layer is not None:
                users = ", ".join(LAYER_METHODS)
                raise UserError(f"layer {layer!r}: {method} uses no feature map, only {users} does")
            return ""
        sizes = self.maps.sizes
        if layer is None:
            return choose_layer(sizes)
        if layer not in sizes:
            raise unknown("layer with a feature map", layer, sizes)
        return layer

    def _find_label(self, pixels: np.ndarray, label: str | None) -> tuple[str, int, float]:
        """The explained class, its index and its probability."""
        probabilities = self.run.predict_arrays(pixels[None]).probabilities[0]
        if label is None:
            index = int(probabilities.argmax())
        elif label in self.run.classes:
            index = self.run.classes.index(label)
        else:
            raise unknown("class", label, self.run.classes)
        return self.run.classes[index], index, float(probabilities[index])
