"""A finished super-resolution run as a function: doubles the size of images of any size."""

import hashlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import jax
import numpy as np

from gv_jax.distributed import compiler_options
from gv_jax.errors import UserError
from gv_jax.inference.finished_run import LoadedNetwork, load_finished_run, load_network
from gv_jax.training.step import make_predict

UPSCALER_TASK = "super_resolution"
TILE_PX = 256  # side of the overlapping square tiles of larger images
OVERLAP_PX = 64  # minimum overlap; each of two tiles gives the half that is nearer to it
TILE_MULTIPLE = 16  # tiles start on multiples of it, as the windows of NinaSR's local attention do

Tile = tuple[slice, slice]  # input pixels of a tile, and those of them that it gives


def run_fingerprint(run: Path | str) -> str:
    """A hash that identifies a finished run wherever its directory is.

    Raises:
        UserError: `run` is not a finished super-resolution run.
    """
    run_dir = load_finished_run(Path(run), UPSCALER_TASK)
    files = [(run_dir.path / name).read_bytes() for name in ("config.json", "results.json")]
    return hashlib.sha256(b"".join(files)).hexdigest()[:20]


def load_upscaler(run: Path | str) -> Callable[[np.ndarray], np.ndarray]:
    """Loads a run as a function uint8 [h w c] -> uint8 [2h 2w c], see `make_upscaler`.

    Args:
        run: Run directory of a finished super-resolution run.

    Raises:
        UserError: `run` is not a finished super-resolution run.
    """
    run_dir = load_finished_run(Path(run), UPSCALER_TASK)
    return make_upscaler(load_network(run_dir), run_dir.config["data"]["channels"], run_dir.path)


def make_upscaler(
    loaded: LoadedNetwork, channels: int, run: Path
) -> Callable[[np.ndarray], np.ndarray]:
    """The upscaler of a loaded run.

    It compiles once for every size. Images of more than TILE_PX pixels on a side are cut into
    overlapping tiles, so all large images share a few sizes. It raises UserError for an image with
    other channels than the training images.

    Args:
        loaded: The network.
        channels: Channels of the training images.
        run: The run directory, for messages.
    """
    weights = loaded.weights
    predict = jax.jit(make_predict(loaded.network), compiler_options=compiler_options())

    def upscale(image: np.ndarray) -> np.ndarray:
        shape = f"{image.dtype} {list(image.shape)}"
        if image.dtype != np.uint8 or image.ndim != 3 or not image.size:
            raise UserError(f"cannot upscale {shape}: give uint8 [height, width, {channels}]")
        height, width, image_channels = image.shape
        if image_channels != channels:
            raise UserError(
                f"cannot upscale {shape}: {run} takes uint8 [height, width, {channels}]"
            )
        upscaled = np.empty((2 * height, 2 * width, channels), np.uint8)
        for rows, valid_rows in split_tiles(height):
            for columns, valid_columns in split_tiles(width):
                inputs = image[rows, columns][None].astype(np.float32) / 255
                outputs = np.clip(np.asarray(predict(*weights, inputs))[0], 0, 1)
                tile = outputs[
                    upscale_slice(valid_rows, rows.start),
                    upscale_slice(valid_columns, columns.start),
                ]
                target = upscale_slice(valid_rows), upscale_slice(valid_columns)
                upscaled[target] = np.round(tile * 255)
        return upscaled

    return upscale


def make_lazy_upscaler(run: Path | str) -> tuple[Callable[[np.ndarray], np.ndarray], str]:
    """(an upscaler that loads the run on its first call, `run_fingerprint` of it)."""
    load = cache(lambda: load_upscaler(run))
    return lambda image: load()(image), run_fingerprint(run)


def split_tiles(size: int) -> Iterator[Tile]:
    """Yields overlapping tiles of TILE_PX along an axis of `size` pixels.

    The second slices of all tiles together cover every pixel once.
    """
    stride = TILE_PX - OVERLAP_PX
    count = max(-(-(size - OVERLAP_PX) // stride), 1)
    last = -(-(size - TILE_PX) // TILE_MULTIPLE) * TILE_MULTIPLE
    starts = [0, *(min(index * stride, last) for index in range(1, count))]
    ends = [min(start + TILE_PX, size) for start in starts]
    seams = [(start + end) // 2 for start, end in zip(starts[1:], ends[:-1], strict=True)]
    for start, end, first, stop in zip(starts, ends, [0, *seams], [*seams, size], strict=True):
        yield slice(start, end), slice(first, stop)


def upscale_slice(pixels: slice, origin: int = 0) -> slice:
    """The same pixels in the upscaled image, relative to input pixel `origin`."""
    return slice(2 * (pixels.start - origin), 2 * (pixels.stop - origin))
