"""The function that a finished run computes, from the pixels of images to its results.

It includes all preprocessing but the resizing. Its weights are constants.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from gv_jax.data.augment.degrade import posterize
from gv_jax.data.augment.tta import tta_transforms
from gv_jax.errors import UserError
from gv_jax.image.color import gray_to_lightness, lightness_to_gray, rgb_to_lab
from gv_jax.image.standardize import standardize
from gv_jax.inference.classifier import ClassifierRun
from gv_jax.inference.color.color_transfer import keep_gray
from gv_jax.inference.generation.generator_run import GeneratorRun
from gv_jax.inference.run import Run
from gv_jax.tasks.colorization import Colorization, network_input
from gv_jax.training.step import make_predict


@dataclass(frozen=True)
class ImageFunction:
    """A function of uint8 images.

    Attributes:
        apply: uint8 [b h w c] -> what `output` says.
        dimensions: Shape of its input; letters are symbolic.
        output: Its output, in one line.
    """

    apply: Callable[[Array], Array]
    dimensions: str
    output: str

    @property
    def input_shape(self) -> tuple[Any, ...]:
        """The shape with symbolic dimensions of JAX."""
        return tuple(jax.export.symbolic_shape(self.dimensions))

    @property
    def any_size(self) -> bool:
        """Whether images may have any height and width."""
        return "h" in self.dimensions


def make_image_function(run: Run) -> ImageFunction:
    """The function of a run.

    Raises:
        UserError: The run generates images.
    """
    if isinstance(run, GeneratorRun):
        raise UserError(
            f"{run.path} generates images in many steps, which is no single function: give "
            "--format safetensors"
        )
    if isinstance(run, ClassifierRun):
        return classify_function(run)
    if run.task == "colorization":
        output = "uint8 [b h w 3]: the images with predicted colors and their own lightness"
        return ImageFunction(colorize_function(run), "b, h, w, 3", output)
    channels = run.config["data"]["channels"]
    output = f"uint8 [b 2h 2w {channels}]: the images at twice their size"
    return ImageFunction(upscale_function(run), f"b, h, w, {channels}", output)


def classify_function(run: ClassifierRun) -> ImageFunction:
    """uint8 [b h w c] -> calibrated probabilities [b k], with the run's test-time augmentation."""
    (height, width), channels = run.image_size, run.channels
    task: Any = run.task_functions
    predict = make_predict(run.network)
    transforms = tta_transforms(**run.results.get("tta", {"flip": False, "shift": 0}))
    to_probabilities = jax.nn.sigmoid if run.multi_label else jax.nn.softmax
    temperature = run.confidence.temperature

    def apply(images: Array) -> Array:
        scaled = images.astype(jnp.float32) / 255
        inputs = [standardize(transform(scaled), task.mean, task.std) for transform in transforms]
        logits = [predict(*run.weights, part) for part in inputs]
        return to_probabilities(sum(logits[1:], logits[0]) / (len(logits) * temperature))

    kind = "one per label, independent" if run.multi_label else "adding up to 1"
    output = f"float32 [b {len(run.classes)}]: calibrated probabilities, {kind}"
    return ImageFunction(apply, f"b, {height}, {width}, {channels}", output)


def colorize_function(run: Run) -> Callable[[Array], Array]:
    """uint8 [b h w 3] -> uint8 [b h w 3] with the 8-bit gray of every pixel.

    The network input has the run's few gray levels, if it was trained on such. Its other
    degradations, which imitate a capture, are left out: an image has those of its own capture.
    """
    task = run.task_functions
    assert isinstance(task, Colorization)
    levels = run.config["degrade"]["gray_levels"]
    no_key: Any = None
    predict = make_predict(run.network)

    def apply(images: Array) -> Array:
        lightness = rgb_to_lab(images.astype(jnp.float32) / 255)[..., :1]
        grays8 = jnp.round(lightness_to_gray(lightness) * 255).astype(jnp.uint8)  # [b h w 1]
        grays = grays8.astype(jnp.float32) / 255
        inputs = posterize(levels)(no_key, grays) if levels else grays
        outputs = predict(*run.weights, network_input(inputs))
        ab = task.predict_lab(outputs, inputs)[..., 1:]
        lab = jnp.concatenate([gray_to_lightness(grays), ab], -1)
        return keep_gray(grays8.reshape(-1), lab.reshape(-1, 3)).reshape(lab.shape)

    return apply


def upscale_function(run: Run) -> Callable[[Array], Array]:
    """uint8 [b h w c] -> uint8 [b 2h 2w c]."""
    predict = make_predict(run.network)

    def apply(images: Array) -> Array:
        outputs = predict(*run.weights, images.astype(jnp.float32) / 255)
        return jnp.round(jnp.clip(outputs, 0, 1) * 255).astype(jnp.uint8)

    return apply
