"""A finished colorization run as a function: colorizes images of any size."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from gv_jax.data.decode import INTERPOLATIONS
from gv_jax.data.transforms import output_size
from gv_jax.distributed import compiler_options
from gv_jax.errors import UserError
from gv_jax.inference.color.color_transfer import ChromaUpsampler, FrameState, LowResChroma
from gv_jax.inference.finished_run import LoadedNetwork, load_finished_run, load_network
from gv_jax.tasks.colorization import Colorization, network_input
from gv_jax.training.step import SplitModule, eval_key, make_predict

PredictAb = Callable[[np.ndarray], jax.Array]  # grays uint8 [n h w 1] -> a and b [n h w 2]

COLORIZER_TASK = "colorization"
MAX_NATIVE_PIXELS = 256 * 256  # of the network input, after training on images of unchanged size
MAX_AREA_FACTOR = 4  # pixels of the network input of elongated images, relative to training
PAD_MULTIPLE = 8  # sides of the network input are multiples of it, so few programs serve all images
NATIVE_PAD_MULTIPLE = 32  # the same for images of unchanged size, whose edges are repeated


class Colorizer:
    """Colorizes uint8 images [h w c] of any size: gray, gray and alpha, RGB or RGBA.

    The image is made gray, resized to the scale of the training images with their filter
    (`working_size`), and degraded as they were. The predicted a and b are upsampled to all pixels
    (`color_transfer`). So objects have the size that the network was trained on, large images cost
    little more than small ones, and images keep their own gray levels. Predicted lightness is not
    used.
    """

    def __init__(self, data: Mapping[str, Any], predict_ab: PredictAb) -> None:
        """Builds the colorizer of a run.

        Args:
            data: The section config.data of the run.
            predict_ab: Its network and head, see `make_predict_ab`.
        """
        self.background = tuple(data["background"])
        self.interpolation = INTERPOLATIONS[data["interpolation"]]
        self.resize_mode = data["resize_mode"]
        self.train_size = output_size(data)
        self._predict_ab = predict_ab
        height, width = self.train_size
        if height and width:
            capacity = (MAX_AREA_FACTOR + 1) * (height * width + PAD_MULTIPLE * PAD_MULTIPLE)
        else:
            capacity = 2 * MAX_NATIVE_PIXELS
        self.upsampler = ChromaUpsampler(capacity)

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Colorizes an image to uint8 [h w 3], or [h w 4] with its alpha if it has any.

        The 8-bit gray of every pixel is preserved.

        Raises:
            UserError: `image` is not uint8 [h w 1 to 4].
        """
        grays, alpha = self._split_alpha(image)
        rgb = self.upsampler(grays, self.predict_low_res(grays, alpha))
        return append_alpha(rgb, alpha)

    def colorize_frame(
        self, image: np.ndarray, previous: FrameState | None
    ) -> tuple[np.ndarray, FrameState]:
        """Colorizes the next frame of a clip with less flicker; see `ChromaUpsampler.next_frame`.

        Args:
            image: The frame, uint8 [h w c].
            previous: The state returned with the previous frame; None for the first frame.

        Returns:
            The colorized frame and its state.
        """
        grays, alpha = self._split_alpha(image)
        chroma = self.predict_low_res(grays, alpha)
        rgb, state = self.upsampler.next_frame(previous, grays, chroma)
        return append_alpha(rgb, alpha), state

    def predict_low_res(self, grays: np.ndarray, alpha: np.ndarray | None) -> LowResChroma:
        """Predicts a and b at the size of the network input.

        Where the image is transparent, the network input has the background of the training images.

        Args:
            grays: uint8 [h w].
            alpha: uint8 [h w], or None.
        """
        size = working_size(grays.shape, self.train_size, self.resize_mode)
        small = self._resize(grays, size)
        inputs = small
        if alpha is not None:
            background = self.upsampler.to_gray(np.array([[self.background]], np.uint8))
            opacity = alpha.astype(np.float32) / 255
            blended = np.rint(background + opacity * (grays - background.astype(np.float32)))
            inputs = self._resize(blended.astype(np.uint8), size)
        multiple = 1 if all(self.train_size) else NATIVE_PAD_MULTIPLE
        padding = [(0, -side % multiple) for side in size]
        inputs = np.pad(inputs, padding, mode="edge")[None, ..., None]  # [1 h w 1]
        ab = np.asarray(self._predict_ab(inputs))[0, : size[0], : size[1]]
        return LowResChroma(small, ab)

    def _split_alpha(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Grays uint8 [h w], and alpha uint8 [h w] if the image has it."""
        channels = image.shape[-1] if image.ndim == 3 else 0
        if image.dtype != np.uint8 or channels not in (1, 2, 3, 4) or not image.size:
            shape = f"{image.dtype} {list(image.shape)}"
            raise UserError(f"cannot colorize {shape}: give uint8 [height, width, 1 to 4]")
        alpha = image[..., -1] if channels in (2, 4) else None
        return image[..., 0] if channels < 3 else self.upsampler.to_gray(image[..., :3]), alpha

    def _resize(self, grays: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """Resizes uint8 [h w] to (height, width)."""
        if grays.shape == size:
            return grays
        return np.asarray(Image.fromarray(grays).resize((size[1], size[0]), self.interpolation))


def load_colorizer(run: Path | str) -> Colorizer:
    """Loads the network of a run as a function of one image; needs only the run directory.

    Raises:
        UserError: `run` is not a finished colorization run.
    """
    run_dir = load_finished_run(Path(run), COLORIZER_TASK)
    return make_colorizer(load_network(run_dir), run_dir.config["data"])


def make_colorizer(loaded: LoadedNetwork, data: Mapping[str, Any]) -> Colorizer:
    """The colorizer of a loaded run with the section config.data `data`."""
    task: Any = loaded.task
    return Colorizer(data, make_predict_ab(task, loaded.network, loaded.weights))


def make_predict_ab(
    task: Colorization, network: SplitModule, weights: tuple[Any, Any]
) -> PredictAb:
    """Compiles the prediction of a and b from grays.

    Args:
        task: The task of the run: its head and degradation.
        network: Its network.
        weights: Parameters and batch statistics.
    """
    predict = make_predict(network)

    def predict_ab(params: Any, batch_stats: Any, grays8: jax.Array) -> jax.Array:
        grays = task.degrade(eval_key(), grays8.astype(jnp.float32) / 255)
        outputs = predict(params, batch_stats, network_input(grays))
        return task.predict_lab(outputs, grays)[..., 1:]

    compiled = jax.jit(predict_ab, compiler_options=compiler_options())
    return lambda grays8: compiled(*weights, grays8)


def working_size(
    size: tuple[int, ...], train_size: tuple[int, int], resize_mode: str
) -> tuple[int, int]:
    """Size of the network input for an image.

    Args:
        size: (height, width) of the image.
        train_size: (height, width) of the training images; (0, 0) if they had any size.
        resize_mode: How the training images were brought to that size. With "stretch", the result
            is `train_size`. With "crop" and "pad", the aspect ratio is preserved at the scale that
            the image would have had in training, within MAX_AREA_FACTOR of the pixels.

    Returns:
        (height, width): multiples of PAD_MULTIPLE, or `train_size` if the aspect ratio is that one.
        For images of any size: their own size, or that of MAX_NATIVE_PIXELS if they have more.
    """
    height, width = size
    exact = height, width
    if not all(train_size):
        max_pixels = MAX_NATIVE_PIXELS
        scale = (max_pixels / (height * width)) ** 0.5
        if scale >= 1:
            return exact
    elif resize_mode == "stretch":
        return train_size
    else:
        max_pixels, exact = MAX_AREA_FACTOR * train_size[0] * train_size[1], train_size
        ratios = train_size[0] / height, train_size[1] / width
        scale = max(ratios) if resize_mode == "crop" else min(ratios)
        scale = min(scale, (max_pixels / (height * width)) ** 0.5)
    sides = height * scale, width * scale
    if all(abs(side - other) < 1 for side, other in zip(sides, exact, strict=True)):
        return exact
    short = max(round(min(sides) / PAD_MULTIPLE), 1) * PAD_MULTIPLE
    max_long = int(max_pixels / short / PAD_MULTIPLE) + 1
    long = max(min(round(max(sides) / PAD_MULTIPLE), max_long), 1) * PAD_MULTIPLE
    return (short, long) if height <= width else (long, short)


def append_alpha(rgb: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
    """Appends alpha, if there is any, as the fourth channel: uint8 [h w 3 or 4]."""
    return rgb if alpha is None else np.concatenate([rgb, alpha[..., None]], -1)
