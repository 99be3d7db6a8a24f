"""A finished classification run: predictions, features and explanations for new images."""

import os
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from gv_jax.data.augment.tta import Transform, tta_transforms
from gv_jax.distributed import compiler_options
from gv_jax.errors import UserError
from gv_jax.evaluation.class_metrics import log_softmax
from gv_jax.evaluation.confidence import Confidence
from gv_jax.evaluation.multilabel_metrics import sigmoid
from gv_jax.inference.explain.explainer import Explainer
from gv_jax.inference.explain.explanation import Explanation
from gv_jax.inference.finished_run import find_image_size
from gv_jax.inference.network_input import ImageInput, make_preparation
from gv_jax.inference.prediction import Predictions, check_count, join_predictions
from gv_jax.inference.run import Run
from gv_jax.inference.stored.confidence_file import read_confidence
from gv_jax.inference.stored.neighbors import Neighbor, Neighbors, read_neighbors
from gv_jax.models.stages import call_with_input
from gv_jax.tasks.run_task import RunTask
from gv_jax.training.cast import cast_floats
from gv_jax.training.run_dir import RunDir
from gv_jax.training.step import SplitModule, Tree, transform_inputs

BATCH_SIZES = (1, 4, 16, 64, 256)  # a program is compiled for each that is used
MAX_BATCH_PIXELS = 2**20  # of the images of a batch: limits the memory of feature maps

Forward = Callable[[Tree, Tree, jax.Array], tuple[jax.Array, jax.Array]]


class ClassifierRun(Run):
    """A run that predicts one class, or any number of labels, per image.

    Attributes:
        classes: Class names in the order of the network outputs.
        multi_label: Whether an image may have several labels.
        image_size: (height, width) of the network input in pixels.
        channels: Of the arrays that `prepare` returns.
        layer: Dotted path of the last layer, whose inputs are the features.
        explainer: Explains prepared images.
        confidence: The calibration of the run.
    """

    purpose = "predicts classes"

    def __init__(self, run_dir: RunDir) -> None:
        super().__init__(run_dir)
        self.classes = tuple(self.results["classes"])
        self.multi_label = self.task_functions.multi_label
        self.image_size = find_image_size(run_dir)
        self.channels: int = self.config["data"]["channels"]
        self.layer = last_layer(self.network, self.weights)
        self.confidence: Confidence = read_confidence(self.path)
        self.prepare = make_preparation(self.config["data"], self.image_size)
        forward = make_forward(
            self.network,
            self.task_functions,
            self.layer,
            tta_transforms(**self.results.get("tta", {"flip": False, "shift": 0})),
            dtype=jnp.dtype(self.config["model"]["dtype"]),
        )
        self.explainer = Explainer(self)
        self._forward = jax.jit(forward, compiler_options=compiler_options())

    @cached_property
    def neighbors(self) -> Neighbors | None:
        """The stored training images; None if there are none."""
        return read_neighbors(self.path)

    def predict(self, images: ImageInput | Iterable[ImageInput]) -> Predictions:
        """The predictions for images.

        Args:
            images: One or several: a file, a PIL image, or an array uint8 [h w] or [h w c] with 1
                to 4 channels, of any size. They are resized and converted as in training.

        Raises:
            CorruptImageError: A file is no image.
            UserError: There is no image, or an array is none.
        """
        return self.predict_arrays(self._prepare_all(images))

    def predict_arrays(self, images: np.ndarray) -> Predictions:
        """The predictions for prepared images, uint8 [n h w c] as of `prepare`, n at least 1."""
        limit = max_batch_size(self.image_size)
        parts = [
            self._predict_batch(images[start : start + limit])
            for start in range(0, len(images), limit)
        ]
        return join_predictions(parts)

    def _predict_batch(self, images: np.ndarray) -> Predictions:
        logits, features = self._call(images)
        scaled = logits / self.confidence.temperature
        return Predictions(
            self.classes,
            sigmoid(scaled) if self.multi_label else np.exp(log_softmax(scaled)),
            self.multi_label,
            self.neighbors.distances(features) if self.neighbors else None,
            self.confidence,
        )

    def embed(self, images: ImageInput | Iterable[ImageInput]) -> np.ndarray:
        """The features of images: the inputs of the last layer, means over pixels, float32 [n f].

        Args:
            images: As of `predict`.
        """
        return self._embed_arrays(self._prepare_all(images))

    def _embed_arrays(self, arrays: np.ndarray) -> np.ndarray:
        limit = max_batch_size(self.image_size)
        starts = range(0, len(arrays), limit)
        return np.concatenate([self._call(arrays[i : i + limit])[1] for i in starts])

    def nearest(self, image: ImageInput, count: int = 5) -> list[Neighbor]:
        """The `count` training images whose features are nearest to those of `image`.

        Raises:
            CorruptImageError: The file is no image.
            UserError: The run stores no training images, or `image` is several.
        """
        return self.nearest_to_array(self.prepare(image), count)

    def nearest_to_array(self, pixels: np.ndarray, count: int = 5) -> list[Neighbor]:
        """`nearest` for a prepared image, uint8 [h w c]."""
        check_count(count)
        neighbors = self.require_neighbors()
        return neighbors.nearest(self._embed_arrays(pixels[None]), count)[0]

    def require_neighbors(self) -> Neighbors:
        """The stored training images; UserError if there are none."""
        if self.neighbors is None:
            raise UserError(
                f"{self.path} stores no training images: train with --config.inference.neighbors=N"
            )
        return self.neighbors

    def explain(
        self,
        image: ImageInput,
        method: str = "grad_cam",
        label: str | None = None,
        layer: str | None = None,
    ) -> Explanation:
        """Why a class is predicted for an image.

        Args:
            image: As of `predict`; it is explained without test-time augmentation.
            method: A name in METHODS.
            label: The class to explain; by default the most probable one.
            layer: Feature map of Grad-CAM; by default the last one of at least 4x4 pixels.

        Raises:
            CorruptImageError: The file is no image.
            UserError: An unknown method, class or layer, or the array is no image.
        """
        self.explainer.check(method, layer)
        return self.explainer.explain(self.prepare(image), method, label, layer)

    def _prepare_all(self, images: ImageInput | Iterable[ImageInput]) -> np.ndarray:
        arrays = [self.prepare(image) for image in list_images(images)]
        if not arrays:
            raise UserError("the list of images is empty")
        return np.stack(arrays)

    def _call(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(logits float64 [n k], features float32 [n f]) of at most one batch."""
        count = len(images)
        size = next(size for size in BATCH_SIZES if size >= count)
        padding = np.zeros((size - count, *images.shape[1:]), np.uint8)
        outputs = self._forward(*self.weights, np.concatenate([images, padding]))
        logits, features = jax.device_get(outputs)
        return np.asarray(logits[:count], np.float64), np.asarray(features[:count], np.float32)


def make_forward(
    network: SplitModule,
    task: RunTask,
    layer: str,
    transforms: Sequence[Transform],
    *,
    dtype: Any,
) -> Forward:
    """(params, batch_stats, images uint8 [n h w c]) -> (logits [n k], features [n f]).

    Args:
        network: Of the run.
        task: Makes its inputs.
        layer: Dotted path of the layer whose input is the features: means over pixels, of the
            image without test-time augmentation.
        transforms: Of test-time augmentation, the identity first; logits are averaged.
        dtype: What the network computes in.
    """

    def forward(params: Tree, batch_stats: Tree, images: jax.Array) -> tuple[jax.Array, jax.Array]:
        count = len(images)
        shape = (count, task.outputs) if task.multi_label else (count,)
        labels = jnp.zeros(shape, jnp.float32 if task.multi_label else jnp.int32)  # not used
        inputs = transform_inputs(task, {"image": images, "label": labels}, transforms)
        model = network.merge_eval(cast_floats(params, dtype), batch_stats)
        outputs, vectors = call_with_input(model, layer, inputs.astype(dtype))
        logits = outputs.astype(jnp.float32).reshape(len(transforms), count, -1).mean(0)
        vectors = vectors[:count].astype(jnp.float32)  # [n f] or [n h w f]
        return logits, vectors.reshape(count, -1, vectors.shape[-1]).mean(1)

    return forward


def last_layer(network: SplitModule, weights: tuple[Tree, Tree]) -> str:
    """The dotted path of the layer that outputs the logits."""
    model: Any = network.merge_eval(*weights)
    return model.stages()["head"][-1]


def max_batch_size(image_size: tuple[int, int]) -> int:
    """The largest of BATCH_SIZES within MAX_BATCH_PIXELS for images of (height, width)."""
    height, width = image_size
    fitting = [size for size in BATCH_SIZES if size * height * width <= MAX_BATCH_PIXELS]
    return max(fitting, default=BATCH_SIZES[0])


def list_images(images: Any) -> list[Any]:
    """One image or several as a list; an array [n h w c] is n images."""
    if isinstance(images, np.ndarray):
        return list(images) if images.ndim == 4 else [images]
    is_one = isinstance(images, str | bytes | os.PathLike | Image.Image)
    several: Iterable[Any] = images if isinstance(images, Iterable) and not is_one else [images]
    return list(several)
