"""Finished runs whose result is an image: colorization and super-resolution."""

import numpy as np

from gv_jax.inference.color.colorizer import Colorizer, make_colorizer
from gv_jax.inference.network_input import ImageInput, from_array, to_pixels
from gv_jax.inference.run import Run
from gv_jax.inference.upscale import make_upscaler
from gv_jax.training.run_dir import RunDir


class ColorizerRun(Run):
    """A run that colorizes.

    Attributes:
        colorizer: For clips: `colorizer.colorize_frame`.
    """

    purpose = "colorizes images"

    def __init__(self, run_dir: RunDir) -> None:
        super().__init__(run_dir)
        self.colorizer: Colorizer = make_colorizer(self.loaded, self.config["data"])

    def colorize(self, image: ImageInput) -> np.ndarray:
        return self.colorizer(to_pixels(image))


class UpscalerRun(Run):
    """A run that doubles the size of images."""

    purpose = "upscales images"

    def __init__(self, run_dir: RunDir) -> None:
        super().__init__(run_dir)
        self.channels: int = self.config["data"]["channels"]
        self._upscale = make_upscaler(self.loaded, self.channels, self.path)

    def upscale(self, image: ImageInput) -> np.ndarray:
        """The image at twice its size.

        An image of other channels than the training images is converted; of RGBA for a run of RGB,
        alpha is enlarged by repetition of pixels.

        Args:
            image: As of `to_pixels`.

        Returns:
            uint8 [2h 2w c], or [2h 2w 4] for an image with alpha.
        """
        pixels = to_pixels(image)
        if pixels.shape[-1] == self.channels:
            return self._upscale(pixels)
        alpha = pixels[..., -1] if pixels.shape[-1] in (2, 4) else None
        mode = {1: "L", 3: "RGB", 4: "RGBA"}[self.channels]
        converted = np.asarray(from_array(pixels).convert(mode))
        upscaled = self._upscale(converted.reshape(*converted.shape[:2], -1))
        if alpha is None or self.channels == 4:
            return upscaled
        large = alpha.repeat(2, 0).repeat(2, 1)[..., None]
        color = np.repeat(upscaled, 3, -1) if self.channels == 1 else upscaled
        return np.concatenate([color, large], -1)
