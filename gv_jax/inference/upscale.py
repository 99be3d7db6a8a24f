"""A finished super-resolution run as a function: pictures of any size in, twice the size out."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import jax
import numpy as np
from flax import nnx

from gv_jax import models
from gv_jax.distributed import compiler_options
from gv_jax.errors import UserError
from gv_jax.inference.finished_run import load_finished_run, restore_best_weights
from gv_jax.training.step import SplitModule, make_predict

TILE_PX = 256  # pixels: larger pictures are enlarged in overlapping squares of this side
OVERLAP_PX = 64  # pixels at least, of which each tile gives the half that is nearer to it
TILE_MULTIPLE = (
    16  # pixels: tiles begin on multiples of it, where NinaSR's local attention has its windows
)
UPSCALE_PURPOSE = ("super_resolution", "enlarge pictures")

Tile = tuple[
    slice, slice
]  # what is looked at, and what is taken of it; both in pixels of the picture


def run_fingerprint(run_folder: Path | str) -> str:
    """Tells a finished run from every other one, wherever its folder is; UserError as `enlarger`."""
    folder = load_finished_run(Path(run_folder), *UPSCALE_PURPOSE)
    parts = [(folder.path / name).read_bytes() for name in ("config.json", "results.json")]
    return hashlib.sha256(b"".join(parts)).hexdigest()[:20]


def load_upscaler(run_folder: Path | str) -> Callable[[np.ndarray], np.ndarray]:
    """The network of a run as a function of one picture: uint8 [h w c] -> uint8 [2h 2w c].

    It compiles once for every size; pictures of more than TILE pixels are cut into overlapping tiles, so that all
    large ones share a few. UserError for a folder that is not a finished super-resolution run, and, from the
    function, for a picture of other channels than it was trained on.
    """
    network, weights, channels = load_upscaling_run(Path(run_folder))
    answer = jax.jit(make_predict(network), compiler_options=compiler_options())

    def enlarge(picture: np.ndarray) -> np.ndarray:
        if (
            picture.dtype != np.uint8
            or picture.ndim != 3
            or picture.shape[2] != channels
            or not picture.size
        ):
            given, taken = (
                f"{picture.dtype} {list(picture.shape)}",
                f"uint8 [height, width, {channels}]",
            )
            raise UserError(f"cannot enlarge {given}: the network of {run_folder} takes {taken}")
        height, width, _ = picture.shape
        whole = np.empty((2 * height, 2 * width, channels), np.uint8)
        for rows, kept_rows in split_tiles(height):
            for columns, kept_columns in split_tiles(width):
                inputs = picture[rows, columns][None].astype(np.float32) / 255
                made = np.clip(np.asarray(answer(*weights, inputs))[0], 0, 1)
                whole[upscale_tiles(kept_rows), upscale_tiles(kept_columns)] = np.round(
                    made[
                        upscale_tiles(kept_rows, rows.start),
                        upscale_tiles(kept_columns, columns.start),
                    ]
                    * 255
                )
        return whole

    return enlarge


def load_upscaling_run(path: Path) -> tuple[SplitModule, tuple, int]:
    """The network of a run, its best weights, and the channels of its pictures."""
    folder = load_finished_run(path, *UPSCALE_PURPOSE)
    assert folder.results is not None
    channels = folder.config["data"]["channels"]
    network = SplitModule.of(
        models.build(folder.results["model"], inputs=channels, rngs=nnx.Rngs(0))
    )
    return network, restore_best_weights(folder, network), channels


def split_tiles(size: int) -> Iterator[Tile]:
    """Along one side: overlapping stretches of TILE pixels, and the parts of them that cover it without a gap."""
    count = max(-(-(size - OVERLAP_PX) // (TILE_PX - OVERLAP_PX)), 1)
    starts = [
        min(number * (TILE_PX - OVERLAP_PX), -(-(size - TILE_PX) // TILE_MULTIPLE) * TILE_MULTIPLE)
        for number in range(count)
    ]
    starts[0] = 0
    ends = [min(start + TILE_PX, size) for start in starts]
    seams = [(after + end) // 2 for after, end in zip(starts[1:], ends[:-1], strict=True)]
    for start, end, first, last in zip(starts, ends, [0, *seams], [*seams, size], strict=True):
        yield slice(start, end), slice(first, last)


def upscale_tiles(pixels: slice, origin: int = 0) -> slice:
    """The same pixels of the enlarged picture, counted from `origin`."""
    return slice(2 * (pixels.start - origin), 2 * (pixels.stop - origin))
