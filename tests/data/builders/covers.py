"""Generated covers for the tests of `game_covers`."""

from pathlib import Path

import numpy as np
from PIL import Image

from gv_jax.data.builders.game_covers import GameCovers

GENRES = ("fighting", "puzzle", "sport")
COMMON = {
    "skip_broken": False,
    "valid_fraction": 0.2,
    "test_fraction": 0.2,
    "split_seed": 0,
    "genres": (),
}


def write_cover(path: Path, seed: int, size: tuple[int, int] = (48, 64)) -> None:
    """Writes a pattern of 6x8 colored blocks that is determined by `seed`, at (width, height)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    blocks = np.random.default_rng(seed).integers(0, 256, (8, 6, 3), dtype=np.uint8)
    image = Image.fromarray(blocks).resize((48, 64), Image.Resampling.BICUBIC).resize(size)
    image.save(path)


def write_covers(folder: Path) -> Path:
    """34 covers: ten games per genre, two more of one game, a near copy and an exact copy."""
    for index, genre in enumerate(GENRES):
        for game in range(10):
            name = f"{genre} game {'abcdefghij'[game]} (USA).png"
            write_cover(folder / genre / name, 100 * index + game)
    for version, region in enumerate(("Europe", "Japan"), 1):
        write_cover(folder / "sport" / f"Sport Game A ({region}).png", 1000 + version)
    write_cover(folder / "fighting" / "fighting game b (Europe).png", 1, size=(96, 128))
    write_cover(folder / "puzzle" / "Mixed Game.png", 5)  # equal to fighting game f
    return folder


def write_csv(folder: Path, *lines: str) -> None:
    (folder / "covers.csv").write_text("\n".join(lines) + "\n")


def cover_names(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*.png"))]


def make_builder(folder: Path, **options) -> GameCovers:
    options = {"root": folder.parent / "data", "path": str(folder), **COMMON, **options}
    return GameCovers(**options)
