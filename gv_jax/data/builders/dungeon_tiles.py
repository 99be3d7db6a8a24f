"""Tiles of Dungeon Crawl Stone Soup (CC0), from https://github.com/crawl/tiles, release of November 2015."""

import hashlib
import http.client
import io
import os
import re
import shutil
import tarfile
import urllib.request
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

import tensorflow_datasets as tfds
from PIL import Image
from tqdm import tqdm

from gv_jax.data import decode
from gv_jax.data.builders.base import Example
from gv_jax.data.builders.tile_folder import TileFolder
from gv_jax.data.splits import stratified
from gv_jax.errors import UserError

SOURCE_COMMIT = "a6ea1655db5c044829d9eea19a232fa6fcac87b0"
SOURCE_URL = f"https://github.com/crawl/tiles/archive/{SOURCE_COMMIT}.tar.gz"
SOURCE_RELEASE = "releases/Nov-2015/"
CLASS_FOLDERS = {  # the longest one that a tile lies in decides
    "dngn": "feature",
    "dngn/floor": "floor",
    "dngn/wall": "wall",
    "dngn/water": "water",
    "effect": "effect",
    "gui": "icon",
    "item": "item",
    "item/amulet": "armour",
    "item/armour": "armour",
    "item/ring": "armour",
    "item/weapon": "weapon",
    "misc": "icon",
    "misc/blood": "effect",
    "mon": "monster",
    "mon/amorphous": "beast",
    "mon/animals": "beast",
    "mon/demons": "undead",
    "mon/draco": "beast",
    "mon/dragons": "beast",
    "mon/fungi_plants": "beast",
    "mon/panlord": "undead",
    "mon/tentacles": "beast",
    "mon/undead": "undead",
    "player": "clothes",
    "player/base": "body",
    "player/ench": "body",
    "player/felids": "body",
    "player/halo": "body",
    "player/hand1": "hand",
    "player/hand2": "hand",
    "player/mutations": "body",
    "player/transform": "body",
}
CLASS_COUNTS = {
    "armour": 197,
    "beast": 226,
    "body": 137,
    "clothes": 353,
    "effect": 317,
    "feature": 229,
    "floor": 371,
    "hand": 327,
    "icon": 372,
    "item": 252,
    "monster": 322,
    "undead": 147,
    "wall": 423,
    "water": 81,
    "weapon": 152,
}
TILES_DIGEST = "9925690725c4acd6a5f9686a06ce6c7651587135841dbc30f43e8d52fbb6d7ac"  # of `digest`


class DungeonTiles(TileFolder, skip_registration=True):
    """3,906 tiles of 32x32 RGBA in 15 classes; variants of a tile (wall1, wall2) are never split up.

    Taken from the folder `path` (or root/dungeon_tiles) with the 15 class folders, whose files are called
    after the folder they come from, as in wall/dngn-wall-lab-lab_stone1.png. Or from the archive on GitHub: a
    file `path`, or downloaded when there is neither. Of an archive the tiles of UNUSED, those not 32x32,
    repeats within a class and all that stand in two classes are left out (colours under alpha 0 do not
    count), and the rest is checked.
    """

    name = "dungeon_tiles"
    VERSION = tfds.core.Version("1.0.0")
    fixed = tuple(CLASS_COUNTS)

    def group(self, name: str) -> str:
        return re.sub(r"\d+[a-z]?$", "", PurePosixPath(name).stem).rstrip("_-")

    def pictures(self) -> Mapping[str, Iterable[Example]]:
        if self.folder.is_dir():
            return super().pictures()
        archive = self.folder
        if not archive.is_file():
            if self.path != str(self.root / self.name):
                raise UserError(f"{self.path}: no such folder or archive (--config.data.path).")
            archive = self.root / "downloads" / f"crawl-tiles-{SOURCE_COMMIT}.tar.gz"
            download_tiles(archive)
        tiles = read_tiles(archive)
        if (
            Counter(kind for kind, _, _ in tiles) != CLASS_COUNTS
            or tiles_digest(tiles) != TILES_DIGEST
        ):
            raise UserError(
                f"{archive}: holds other tiles than those of {SOURCE_URL}. Remove it and start again."
            )
        pictures = [
            Example(f"{kind}/{name}", self.fixed.index(kind), image) for kind, name, image in tiles
        ]
        return self._divide(
            pictures, stratified.split_fractions(self.valid_fraction, self.test_fraction)
        )


def download_tiles(archive: Path) -> None:
    """Fetches the archive, whole or not at all, unless it is there.

    Raises:
        UserError: there is no network, or no such file any more.
    """
    if archive.is_file():
        return
    archive.parent.mkdir(parents=True, exist_ok=True)
    partial = archive.with_name(f"{archive.name}.{os.getpid()}")
    try:
        with urllib.request.urlopen(SOURCE_URL, timeout=30) as response, partial.open("wb") as file:
            total = int(response.headers.get("Content-Length") or 0) or None
            with tqdm.wrapattr(
                response, "read", total, desc="dungeon_tiles: download", delay=1
            ) as source:
                shutil.copyfileobj(source, file)
        partial.replace(archive)
    except (OSError, http.client.HTTPException) as error:
        raise UserError(
            f"dungeon_tiles: cannot download {SOURCE_URL} ({getattr(error, 'reason', error)}). Without a network, "
            "give a folder with its 15 class folders, or that archive: --config.data.path=DIR."
        ) from error
    finally:
        partial.unlink(missing_ok=True)


def read_tiles(archive: Path) -> list[tuple[str, str, Image.Image]]:
    """(class, name, RGBA picture) of the tiles that are in the set, by class and name."""
    try:
        tiles = sorted(_tiles(archive), key=lambda tile: tile[:2])
    except (tarfile.TarError, OSError, EOFError, SyntaxError, zlib.error) as error:
        raise UserError(
            f"{archive}: cannot be read whole ({error}). Remove it and start again."
        ) from error
    first: dict[str, tuple[str, str, Image.Image]] = {}
    kinds: defaultdict[str, set[str]] = defaultdict(set)
    for tile in tiles:
        looks = visible_pixels(tile[2])
        first.setdefault(looks, tile)
        kinds[looks].add(tile[0])
    return [tile for looks, tile in first.items() if len(kinds[looks]) == 1]


def _tiles(archive: Path) -> Iterator[tuple[str, str, Image.Image]]:
    with tarfile.open(archive, "r|gz") as members:
        for member in members:
            place = PurePosixPath(member.name.partition(f"/{SOURCE_RELEASE}")[2])
            kind = next(
                (
                    CLASS_FOLDERS[str(above)]
                    for above in place.parents
                    if str(above) in CLASS_FOLDERS
                ),
                None,
            )
            if (
                kind is None
                or place.suffix.lower() != ".png"
                or not (file := members.extractfile(member))
            ):
                continue
            with Image.open(io.BytesIO(file.read()), formats=["PNG"]) as image:
                if image.size == (32, 32):
                    yield kind, "-".join(place.parts), image.convert("RGBA")


def visible_pixels(image: Image.Image) -> str:
    """SHA-256 of the pixels of an RGBA picture, those of alpha 0 taken as one colour."""
    return hashlib.sha256(decode.to_channels(image, 4, (0, 0, 0)).tobytes()).hexdigest()


def tiles_digest(tiles: Iterable[tuple[str, str, Image.Image]]) -> str:
    """SHA-256 of the sorted lines "class visible": names are left out, as a repeat may go by either."""
    lines = sorted(f"{kind} {visible_pixels(image)}" for kind, _, image in tiles)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
