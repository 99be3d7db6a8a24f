"""Tiles of Dungeon Crawl Stone Soup (CC0): https://github.com/crawl/tiles, November 2015."""

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
CLASS_FOLDERS = {  # folder of the release -> class; the deepest folder of a tile decides
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
TILES_DIGEST = "9925690725c4acd6a5f9686a06ce6c7651587135841dbc30f43e8d52fbb6d7ac"  # of tiles_digest
DungeonTile = tuple[str, str, Image.Image]  # class, name, RGBA image


class DungeonTiles(TileFolder, skip_registration=True):
    """3,906 RGBA tiles of 32x32 pixels in 15 classes; variants (wall1, wall2) are one group.

    Read from the folder `path` (or root/dungeon_tiles) with the 15 class folders, whose files are
    named after their folder in the release: wall/dngn-wall-lab-lab_stone1.png. Or read from the
    release archive: the file `path`, downloaded from GitHub if there is neither. Of an archive the
    folder UNUSED, tiles of other sizes, duplicates within a class and all tiles that occur in two
    classes are dropped, and the result is checked against its known digest.
    """

    name = "dungeon_tiles"
    VERSION = tfds.core.Version("1.0.0")
    fixed_classes = tuple(CLASS_COUNTS)
    native_size = (32, 32)

    def group_of(self, image_id: str) -> str:
        """The name of a tile without its number."""
        return re.sub(r"\d+[a-z]?$", "", PurePosixPath(image_id).stem).rstrip("_-")

    def generate(self) -> Mapping[str, Iterable[Example]]:
        if self.folder.is_dir():
            return super().generate()
        archive = self.folder
        if not archive.is_file():
            if self.path != str(self.root / self.name):
                raise UserError(f"--config.data.path={self.path}: no such folder or archive.")
            archive = self.root / "downloads" / f"crawl-tiles-{SOURCE_COMMIT}.tar.gz"
            download_tiles(archive)
        tiles = read_tiles(archive)
        counts = Counter(class_name for class_name, _, _ in tiles)
        if counts != CLASS_COUNTS or tiles_digest(tiles) != TILES_DIGEST:
            raise UserError(
                f"{archive}: its tiles differ from those of {SOURCE_URL}. Remove it and run the "
                "command again."
            )
        examples = [
            Example(f"{class_name}/{name}", self.fixed_classes.index(class_name), image)
            for class_name, name, image in tiles
        ]
        parts = self._assign_rows(
            (example.id for example in examples),
            [example.label for example in examples],
            stratified.split_fractions(self.valid_fraction, self.test_fraction),
        )
        return {split: [examples[row] for row in rows] for split, rows in parts.items()}


def download_tiles(archive: Path) -> None:
    """Downloads the release archive, completely or not at all, unless it exists.

    Raises:
        UserError: the download fails.
    """
    if archive.is_file():
        return
    archive.parent.mkdir(parents=True, exist_ok=True)
    partial = archive.with_name(f"{archive.name}.{os.getpid()}")
    try:
        with urllib.request.urlopen(SOURCE_URL, timeout=30) as response, partial.open("wb") as file:
            total = int(response.headers.get("Content-Length") or 0) or None
            progress = {"total": total, "desc": "dungeon_tiles: download", "delay": 1}
            with tqdm.wrapattr(response, "read", **progress) as source:
                shutil.copyfileobj(source, file)
        partial.replace(archive)
    except (OSError, http.client.HTTPException) as error:
        raise UserError(
            f"dungeon_tiles: cannot download {SOURCE_URL} ({getattr(error, 'reason', error)}). "
            "Without a network, give a folder with the 15 class folders, or the archive: "
            "--config.data.path=DIR."
        ) from error
    finally:
        partial.unlink(missing_ok=True)


def read_tiles(archive: Path) -> list[DungeonTile]:
    """The tiles of the data set in a release archive, by class and name.

    Raises:
        UserError: the archive cannot be read.
    """
    try:
        tiles = sorted(_iter_tiles(archive), key=lambda tile: tile[:2])
    except (tarfile.TarError, OSError, EOFError, SyntaxError, zlib.error) as error:
        raise UserError(
            f"{archive}: cannot be read completely ({error}). Remove it and run the command again."
        ) from error
    first: dict[str, DungeonTile] = {}
    classes: defaultdict[str, set[str]] = defaultdict(set)
    for tile in tiles:
        digest = visible_digest(tile[2])
        first.setdefault(digest, tile)
        classes[digest].add(tile[0])
    return [tile for digest, tile in first.items() if len(classes[digest]) == 1]


def _iter_tiles(archive: Path) -> Iterator[DungeonTile]:
    with tarfile.open(archive, "r|gz") as members:
        for member in members:
            path = PurePosixPath(member.name.partition(f"/{SOURCE_RELEASE}")[2])
            folders = (str(folder) for folder in path.parents)
            folder = next((folder for folder in folders if folder in CLASS_FOLDERS), None)
            if folder is None or path.suffix.lower() != ".png":
                continue
            file = members.extractfile(member)
            if file is None:
                continue
            with Image.open(io.BytesIO(file.read()), formats=["PNG"]) as image:
                if image.size == (32, 32):
                    yield CLASS_FOLDERS[folder], "-".join(path.parts), image.convert("RGBA")


def visible_digest(image: Image.Image) -> str:
    """SHA-256 of the pixels of an RGBA image; colors under alpha 0 do not count."""
    return hashlib.sha256(decode.to_channels(image, 4, (0, 0, 0)).tobytes()).hexdigest()


def tiles_digest(tiles: Iterable[DungeonTile]) -> str:
    """SHA-256 of the sorted lines "class digest".

    Names do not count, as either name of a duplicate may be kept.
    """
    lines = sorted(f"{class_name} {visible_digest(image)}" for class_name, _, image in tiles)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
