"""A finished colorization run as a function: pictures of any size in, the same in colour out."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from PIL import Image

from gv_jax import models
from gv_jax.data import transforms
from gv_jax.data.augment import degrade
from gv_jax.data.decode import INTERPOLATIONS
from gv_jax.distributed import compiler_options
from gv_jax.errors import UserError
from gv_jax.inference.color_transfer import ChromaUpsampler, FrameState, LowResChroma
from gv_jax.inference.finished_run import load_finished_run, restore_best_weights
from gv_jax.tasks.color_heads import head_from_json
from gv_jax.tasks.colorization import Colorization, network_input
from gv_jax.training.run_dir import RunDir
from gv_jax.training.step import SplitModule, eval_key, make_predict

NATIVE_SIZES = (
    256 * 256
)  # pixels that a network sees at most, where it was trained on pictures at their own size
MAX_AREA_FACTOR = (
    4  # times as many pixels as in training are seen of pictures that are very long or high
)
PAD_MULTIPLE = 8  # pixels: sides of what a network looks at are multiples of it, so that few programs serve all pictures …
COARSE_SIDE = (
    32  # … and of this where pictures keep their size: then their last row and column are repeated
)


class Colorizer:
    """Colours pictures, uint8 [h w c], with 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 channels (RGBA), of any size.

    A picture is made grey and shown to the network as the training pictures were: brought to their scale by the same
    filter (`working_size`), and degraded in the same way. Its answer, a and b, is carried to every pixel of the picture
    (`painter.spread`). So things are as large as those that the network has learned, a large picture costs little more
    than a small one, and keeps its own greys however few the network is told. Where the network answers the lightness
    too, that is not used.
    """

    def __init__(self, run_folder: Path | str) -> None:
        folder = load_finished_run(Path(run_folder), "colorization", "colour pictures")
        data = folder.config["data"]
        self.background = tuple(data["background"])
        self.filter = INTERPOLATIONS[data["interpolation"]]
        self.fit = data["fit"]
        self.trained = transforms.output_size(
            transforms.parse_preprocess(data["preprocess"]), tuple(data["size"])
        )
        self.look, self.weights = load_colorization_run(folder)
        capacity = (
            (MAX_AREA_FACTOR + 1)
            * (self.trained[0] * self.trained[1] + PAD_MULTIPLE * PAD_MULTIPLE)
            if all(self.trained)
            else 2 * NATIVE_SIZES
        )
        self.painter = ChromaUpsampler(capacity=capacity)

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        """uint8 [h w 3], or [h w 4] where there is alpha, which is kept.

        The grey of every pixel, in 8 bits, is what it was. UserError for anything but a picture.
        """
        greys, alpha = self.parts(picture)
        return append_alpha(self.painter(greys, self.sketch(greys, alpha)), alpha)

    def frame(
        self, picture: np.ndarray, before: FrameState | None
    ) -> tuple[np.ndarray, FrameState]:
        """The same for the next frame of a clip, with less flicker: see `Painter.after`. before: None at the beginning,
        then what came with the frame before, which is of the same size.
        """
        greys, alpha = self.parts(picture)
        painted, frame = self.painter.after(before, greys, self.sketch(greys, alpha))
        return append_alpha(painted, alpha), frame

    def parts(self, picture: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Greys uint8 [h w] and alpha, likewise."""
        channels = picture.shape[-1] if picture.ndim == 3 else 0
        if picture.dtype != np.uint8 or channels not in (1, 2, 3, 4) or not picture.size:
            given = f"{picture.dtype} {list(picture.shape)}"
            raise UserError(f"cannot colour {given}: give uint8 [height, width, 1 to 4 channels]")
        alpha = picture[..., -1] if channels in (2, 4) else None
        return picture[..., 0] if channels < 3 else self.painter.greys(picture[..., :3]), alpha

    def sketch(self, greys: np.ndarray, alpha: np.ndarray | None) -> LowResChroma:
        """What the network makes of it; where the picture is clear it sees the background of the training pictures."""
        size = working_size(greys.shape[0], greys.shape[1], self.trained, self.fit)
        small = self.resized(greys, size)
        visible = small
        if alpha is not None:
            behind = self.painter.greys(np.array([[self.background]], np.uint8))
            share = alpha.astype(np.float32) / 255
            visible = self.resized(
                np.rint(behind + share * (greys - behind.astype(np.float32))).astype(np.uint8), size
            )
        step = 1 if all(self.trained) else COARSE_SIDE
        padding = [(0, -side % step) for side in size]
        answer = self.look(*self.weights, np.pad(visible, padding, mode="edge")[None, ..., None])
        return LowResChroma(small, np.asarray(answer)[0, : size[0], : size[1]])

    def resized(self, greys: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """uint8 [h w] at another (height, width)."""
        if greys.shape == size:
            return greys
        return np.asarray(Image.fromarray(greys).resize((size[1], size[0]), self.filter))


def load_colorizer(run_folder: Path | str) -> Colorizer:
    """The network of a run as a function of one picture. Nothing but the folder is needed, no training data.

    UserError for a folder that is not a finished colorization run.
    """
    return Colorizer(run_folder)


def load_colorization_run(folder: RunDir) -> tuple[Any, tuple]:
    """(params, stats, greys uint8 [n h w 1]) -> a and b [n h w 2], compiled for each size; and (params, stats)."""
    results, config = folder.results, folder.config
    assert results is not None
    head = head_from_json(
        config["colour"]["head"],
        results["colours"],
        results["channels"],
        config["colour"]["temperature"],
    )
    asked = config["model"]
    options = {
        name: asked[name] for name in ("classifier", "last_stage") if asked.get(name)
    }  # not of older runs
    model = nnx.eval_shape(  # its weights are read: to draw them takes longer than all the rest
        lambda: models.build(
            results["model"], inputs=1, classes=head.outputs, rngs=nnx.Rngs(0), **options
        )
    )
    network = SplitModule.of(model)
    task, answer = (
        Colorization(head, degrade.build_degradation(config["degrade"])),
        make_predict(network),
    )

    def look(params: Any, stats: Any, pictures: jax.Array) -> jax.Array:
        greys = task.degrade(eval_key(), pictures.astype(jnp.float32) / 255)
        return task.answered(answer(params, stats, network_input(greys)), greys)[..., 1:]

    return jax.jit(look, compiler_options=compiler_options()), restore_best_weights(folder, network)


def working_size(height: int, width: int, trained: tuple[int, int], fit: str) -> tuple[int, int]:
    """(height, width) at which a network sees a picture, if it was `trained` on pictures that were made that size so.

    fit "stretch": that size. "crop" and "pad": the picture's proportions, and the scale that it would have had in
    training, but at most LONG times the pixels; sides are multiples of GRID, or `trained` itself where these are the
    proportions. trained (0, 0), as they were: the picture's own size, or OWN_SIZE pixels if it has more.
    """
    known = height, width
    if not all(trained):
        pixels = NATIVE_SIZES
        scale = (pixels / (height * width)) ** 0.5
        if scale >= 1:
            return known
    elif fit == "stretch":
        return trained
    else:
        pixels, known = MAX_AREA_FACTOR * trained[0] * trained[1], trained
        ratios = trained[0] / height, trained[1] / width
        scale = min(
            max(ratios) if fit == "crop" else min(ratios), (pixels / (height * width)) ** 0.5
        )
    sides = height * scale, width * scale
    if all(abs(side - other) < 1 for side, other in zip(sides, known, strict=True)):
        return known
    short = max(round(min(sides) / PAD_MULTIPLE), 1) * PAD_MULTIPLE
    long = (
        max(min(round(max(sides) / PAD_MULTIPLE), int(pixels / short / PAD_MULTIPLE) + 1), 1)
        * PAD_MULTIPLE
    )
    return (short, long) if height <= width else (long, short)


def append_alpha(painted: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
    """uint8 [h w 3 or 4]"""
    return painted if alpha is None else np.concatenate([painted, alpha[..., None]], -1)
