"""Maps of the pixels that predictions of a network are based on, by method."""

from collections.abc import Callable
from functools import cached_property, partial
from threading import Lock
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Jaxpr, Literal

from gv_jax.distributed import compiler_options
from gv_jax.errors import UserError
from gv_jax.inference.explain.grad_cam import grad_cam
from gv_jax.inference.explain.gradients import integrated_gradients, smooth_grad
from gv_jax.inference.explain.occlusion import occlusion
from gv_jax.inference.explain.overlay import normalize_map, resize_map
from gv_jax.inference.explain.score import Score, make_score
from gv_jax.inference.finished_run import LoadedNetwork

# (score, image float32 [h w c]; of Grad-CAM, the layer) -> map [h' w']
MAPS: dict[str, Callable[..., jax.Array]] = {
    "grad_cam": grad_cam,
    "integrated_gradients": integrated_gradients,
    "smooth_grad": smooth_grad,
    "occlusion": occlusion,
}
LAYER_METHODS = ("grad_cam",)
MIN_MAP = 4  # pixels per side: smaller feature maps are used if there is no other


class MapMaker:
    """Makes the maps of a network; compiles each method once. Threads may share it."""

    def __init__(self, loaded: LoadedNetwork, shape: tuple[int, int, int], dtype: Any) -> None:
        """Keeps the network.

        Args:
            loaded: A classifier with its weights and its task.
            shape: (height, width, channels) of its images.
            dtype: What it computes in.
        """
        self.task, self.network, self.weights = loaded
        self.shape, self.dtype = shape, jnp.dtype(dtype)
        self._programs: dict[tuple[str, str], Any] = {}
        self._lock = Lock()

    def make(self, method: str, image: np.ndarray, index: int, layer: str) -> np.ndarray:
        """The map of one class, float32 [h w] in [0, 1], the largest value 1 unless all are 0.

        Args:
            method: A name in MAPS.
            image: uint8 [h w c].
            index: Of the class.
            layer: Name of a feature map for LAYER_METHODS; "" for others.
        """
        program = self._get_program(method, layer)
        raw = np.asarray(program(*self.weights, image, np.int32(index)), np.float32)
        return normalize_map(resize_map(raw, image.shape[:2]))

    @cached_property
    def sizes(self) -> dict[str, tuple[int, int]]:
        """(height, width) of the feature maps that logits depend on, from input to output.

        Without those of one pixel.
        """
        names: list[str] = []  # JAX would sort the maps by name

        def call(params: Any, batch_stats: Any, images: jax.Array) -> tuple[Any, list[Any]]:
            scores, maps = self._make_score((params, batch_stats), 0)(images)
            names[:] = maps
            return scores, list(maps.values())

        image = jax.ShapeDtypeStruct((1, *self.shape), jnp.float32)
        jaxpr = jax.make_jaxpr(call)(*self.weights, image).jaxpr
        scores, *maps = jaxpr.outvars
        used = find_ancestors(jaxpr, scores)
        shapes = {
            name: value.aval.shape for name, value in zip(names, maps, strict=True) if value in used
        }
        return {
            name: (shape[1], shape[2])
            for name, shape in shapes.items()
            if len(shape) == 4 and shape[1:3] != (1, 1)
        }

    def _get_program(self, method: str, layer: str) -> Any:
        """(params, batch_stats, image uint8 [h w c], index of the class) -> map [h' w']."""
        with self._lock:
            if (method, layer) not in self._programs:
                options = {"layer": layer} if layer else {}
                make_map = partial(MAPS[method], **options)

                def call(params: Any, batch_stats: Any, image: jax.Array, label: jax.Array) -> Any:
                    score = self._make_score((params, batch_stats), label)
                    return make_map(score, image.astype(jnp.float32))

                compiled = jax.jit(call, compiler_options=compiler_options())
                self._programs[method, layer] = compiled
            return self._programs[method, layer]

    def _make_score(self, weights: tuple[Any, Any], label: jax.Array | int) -> Score:
        return make_score(self.network, self.task, weights, label, dtype=self.dtype)


def find_ancestors(jaxpr: Jaxpr, value: Any) -> set[Any]:
    """The variables of a program that a variable is computed from, and itself."""
    found = {value}
    for equation in reversed(jaxpr.eqns):
        if not found.isdisjoint(equation.outvars):
            found.update(atom for atom in equation.invars if not isinstance(atom, Literal))
    return found


def choose_layer(sizes: dict[str, tuple[int, int]]) -> str:
    """The last feature map of at least MIN_MAP pixels per side, else the last one.

    Raises:
        UserError: There is none.
    """
    if not sizes:
        raise UserError("the network has no feature map larger than one pixel: use occlusion")
    large = [name for name, size in sizes.items() if min(size) >= MIN_MAP]
    return (large or list(sizes))[-1]
