"""Features of images on disk, by the content of the image: each image is computed once.

The features of one network are in one folder, in files that are written once and never changed;
each appears complete or not at all. Processes may share a folder: an image that two of them
computed is there twice, with the same features. Folders may be deleted at any time.
"""

import hashlib
import json
import logging
import os
import shutil
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import jax
import numpy as np

from gv_jax import models
from gv_jax.errors import UNWRITABLE
from gv_jax.training.step import Tree

LOGGER = logging.getLogger(__name__)
FEATURES_VERSION = 1  # of the files and of what the features are
HASH_BYTES = 16
MIB = 2**20


class FeatureCache:
    """The features of one network: rows of `width` float32 numbers, by image hash."""

    def __init__(self, root: Path, key: Mapping[str, Any], width: int, max_mb: int) -> None:
        """Opens a cache; creates nothing.

        Args:
            root: folder of the caches of all networks.
            key: what the features depend on besides the image; JSON values.
            width: numbers per image.
            max_mb: bound on the caches of all networks; 0: nothing is stored.
        """
        versions = {"version": FEATURES_VERSION, "jax": jax.__version__, "code": hash_models()}
        text = json.dumps({**key, **versions}, sort_keys=True)
        self.folder = root / hashlib.sha256(text.encode()).hexdigest()[:20]
        self.root, self.max_bytes = root, max_mb * MIB
        self.dtype = np.dtype([("hash", f"V{HASH_BYTES}"), ("row", "<f4", (width,))])

    def read(self, hashes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The stored rows of images.

        Args:
            hashes: of the images, as of `hash_images` [n].

        Returns:
            Rows float32 [n width], undefined where there is none, and bool [n]: whether there is.
        """
        rows = np.empty((len(hashes), *self.dtype["row"].shape), np.float32)
        found = np.zeros(len(hashes), bool)
        order = np.argsort(hashes)
        ascending = hashes[order]
        for file in sorted(self.folder.glob("*.npy")) if self.max_bytes else []:
            stored = self._open(file)
            names = stored["hash"].view(f"S{HASH_BYTES}") if len(stored) else np.empty(0, "S1")
            lookup = {name: index for index, name in enumerate(names.tolist())}
            positions = [
                (int(index), lookup[name])
                for index, name in zip(order, ascending.tolist(), strict=True)
                if not found[index] and name in lookup
            ]
            if positions:
                here, there = map(np.array, zip(*positions, strict=True))
                rows[here] = stored["row"][there]
                found[here] = True
        if found.any():
            self._touch()
        return rows, found

    def _open(self, file: Path) -> np.ndarray:
        """The records of a file; none if it was deleted meanwhile or is damaged."""
        try:
            stored = np.load(file, mmap_mode="r", allow_pickle=False)
            if stored.dtype == self.dtype:
                return stored
        except FileNotFoundError:
            return np.empty(0, self.dtype)
        except (ValueError, EOFError, OSError):
            pass
        LOGGER.warning("%s is damaged: its features are computed again", file)
        file.unlink(missing_ok=True)
        return np.empty(0, self.dtype)

    def write(self, hashes: np.ndarray, rows: np.ndarray) -> None:
        """Stores the rows [m width] of images with these hashes [m]; not if there is no space."""
        records = np.empty(len(hashes), self.dtype)
        records["hash"] = hashes.view(f"V{HASH_BYTES}")
        records["row"] = rows
        if folder_bytes(self.folder) + records.nbytes > self.max_bytes:
            return
        partial = self.folder / f".{uuid.uuid4().hex}.partial"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with partial.open("wb") as file:
                np.save(file, records, allow_pickle=False)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(partial.with_name(partial.stem.lstrip(".") + ".npy"))
        except OSError as error:
            partial.unlink(missing_ok=True)
            if error.errno not in UNWRITABLE:
                raise
            LOGGER.warning("%s: features are not stored (%s)", self.folder, error.strerror)

    def prune(self) -> None:
        """Deletes the caches of other networks, the least recently used first, down to the bound.

        A bound of 0 turns the cache off: nothing is deleted.
        """
        if not self.max_bytes or not self.root.is_dir():
            return
        folders = [folder for folder in self.root.iterdir() if folder.is_dir()]
        sizes = {folder: folder_bytes(folder) for folder in folders}
        others = [folder for folder in folders if folder != self.folder]
        for folder in sorted(others, key=modified):
            if sum(sizes.values()) <= self.max_bytes:
                break
            shutil.rmtree(folder, ignore_errors=True)
            del sizes[folder]

    def _touch(self) -> None:
        with suppress(OSError):  # deleted, or another user's
            os.utime(self.folder)


def folder_bytes(folder: Path) -> int:
    """The size of the files of a folder; those deleted meanwhile do not count."""
    total = 0
    for file in folder.glob("*") if folder.is_dir() else []:
        with suppress(FileNotFoundError):
            total += file.stat().st_size
    return total


def modified(folder: Path) -> float:
    """When a folder was used last; 0 if it was deleted."""
    try:
        return folder.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def hash_images(images: np.ndarray) -> np.ndarray:
    """A hash of the pixels and the shape of each image, uint8 [n h w c]: bytes [n]."""
    header = str(images.shape[1:]).encode()
    digests = [
        hashlib.blake2b(header + image.tobytes(), digest_size=HASH_BYTES // 2).hexdigest()
        for image in images
    ]
    return np.array(digests, f"S{HASH_BYTES}")


def hash_weights(tree: Tree) -> str:
    """A hash of the names, shapes and values of arrays."""
    digest = hashlib.sha256()
    for path, leaf in jax.tree.leaves_with_path(tree):
        array = np.asarray(leaf)
        digest.update(f"{jax.tree_util.keystr(path)} {array.dtype} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def hash_models() -> str:
    """A hash of the source of all models: a change of one may change its features."""
    digest = hashlib.sha256()
    for file in sorted(Path(models.__file__).parent.rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()
