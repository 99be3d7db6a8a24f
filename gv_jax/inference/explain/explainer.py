"""Explains predictions of a finished classification run."""

from collections.abc import Callable
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from gv_jax.distributed import compiler_options
from gv_jax.errors import UserError, unknown
from gv_jax.inference.explain.explanation import Explanation
from gv_jax.inference.explain.grad_cam import grad_cam
from gv_jax.inference.explain.gradients import integrated_gradients, smooth_grad
from gv_jax.inference.explain.occlusion import occlusion
from gv_jax.inference.explain.overlay import draw_overlay, normalize_map, resize_map
from gv_jax.inference.explain.score import Score, make_score

if TYPE_CHECKING:
    from gv_jax.inference.classifier import ClassifierRun

# (score, image float32 [h w c]; of Grad-CAM, the layer) -> map [h' w']
METHODS: dict[str, Callable[..., jax.Array]] = {
    "grad_cam": grad_cam,
    "integrated_gradients": integrated_gradients,
    "smooth_grad": smooth_grad,
    "occlusion": occlusion,
}
LAYER_METHODS = ("grad_cam",)
MIN_MAP = 4  # pixels: smaller maps are used if there is no other


class Explainer:
    """Explains predictions of a run; compiles each method once."""

    def __init__(self, run: "ClassifierRun") -> None:
        self.run = run
        self._programs: dict[tuple[str, str], Any] = {}
        self._lock = Lock()
        self._dtype = jnp.dtype(run.config["model"]["dtype"])

    def explain(self, image: Any, method: str, label: str | None, layer: str | None) -> Explanation:
        """The explanation of one image; arguments as of `ClassifierRun.explain`."""
        if method not in METHODS:
            raise unknown("explanation method", method, METHODS)
        layer_name = self._check_layer(method, layer)
        pixels = self.run.prepare(image)
        label, index, probability = self._find_label(pixels, label)
        program = self._get_program(method, layer_name)
        raw = np.asarray(program(*self.run.weights, pixels, np.int32(index)), np.float32)
        heat = normalize_map(resize_map(raw, pixels.shape[:2]))
        overlay = draw_overlay(pixels, heat)
        return Explanation(method, label, probability, layer_name, heat, pixels, overlay)

    def map_sizes(self) -> dict[str, tuple[int, int]]:
        """(height, width) of all feature maps larger than one pixel, from input to output."""
        run = self.run
        image = jax.ShapeDtypeStruct((1, *run.image_size, run.channels), jnp.float32)

        shapes: dict[str, tuple[int, ...]] = {}  # JAX would sort the maps by name

        def call(params: Any, batch_stats: Any, images: jax.Array) -> None:
            maps = self._make_score((params, batch_stats), 0)(images)[1]
            shapes.update({name: value.shape for name, value in maps.items()})

        jax.eval_shape(call, *run.weights, image)
        return {
            name: (shape[1], shape[2])
            for name, shape in shapes.items()
            if len(shape) == 4 and shape[1:3] != (1, 1)
        }

    def _check_layer(self, method: str, layer: str | None) -> str:
        """The feature map that a method uses; "" for methods without."""
        if method not in LAYER_METHODS:
            if layer is not None:
                users = ", ".join(LAYER_METHODS)
                raise UserError(f"layer {layer!r}: {method} uses no feature map, only {users} does")
            return ""
        sizes = self.map_sizes()
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

    def _get_program(self, method: str, layer: str) -> Any:
        """(params, batch_stats, image uint8 [h w c], index of the class) -> map [h' w']."""
        with self._lock:
            if (method, layer) not in self._programs:
                options = {"layer": layer} if layer else {}
                make_map = partial(METHODS[method], **options)

                def call(params: Any, batch_stats: Any, image: jax.Array, label: jax.Array) -> Any:
                    score = self._make_score((params, batch_stats), label)
                    return make_map(score, image.astype(jnp.float32))

                compiled = jax.jit(call, compiler_options=compiler_options())
                self._programs[method, layer] = compiled
            return self._programs[method, layer]

    def _make_score(self, weights: tuple[Any, Any], label: jax.Array | int) -> Score:
        run = self.run
        return make_score(run.network, run.task_functions, weights, label, dtype=self._dtype)


def choose_layer(sizes: dict[str, tuple[int, int]]) -> str:
    """The last feature map of at least MIN_MAP pixels per side, else the last one.

    Raises:
        UserError: There is none.
    """
    if not sizes:
        raise UserError("the network has no feature map larger than one pixel: use occlusion")
    large = [name for name, size in sizes.items() if min(size) >= MIN_MAP]
    return (large or list(sizes))[-1]
