"""The signatures of a whole data set, most of them in files."""

from array import array
from pathlib import Path
from typing import Any

import numpy as np

from gv_jax.data.duplicates.hashing import MODES, Signature
from gv_jax.data.duplicates.index import THUMBNAIL_CELLS
from gv_jax.data.duplicates.rasters import Rasters
from gv_jax.data.row_file import RowFile

CELLS = THUMBNAIL_CELLS**2


class SignatureFile:
    """Signatures that are appended one by one; about 40 bytes of each are in memory.

    Args:
        folder: of the files; None: the folder of temporary files.

    Attributes:
        rasters: of all images.
        gray_alpha: of the large images, which are compared by thumbnails.
        rgba: of the large images.
    """

    def __init__(self, folder: Path | None = None):
        self.folder = folder
        self.rasters = Rasters(folder)
        self.gray_alpha = RowFile(np.uint8, (2, CELLS), folder)
        self.rgba = RowFile(np.uint8, (4, CELLS // 4), folder)
        self._digests, self._hashes, self._sizes = array("Q"), array("Q"), array("I")
        self._constant, self._modes = array("b"), array("b")

    def __enter__(self) -> "SignatureFile":
        return self

    def __exit__(self, *_: Any) -> None:
        for file in (self.rasters, self.gray_alpha, self.rgba):
            file.close()

    def __len__(self) -> int:
        return len(self._modes)

    def append(self, signature: Signature) -> None:
        """Appends the signature of an image."""
        digest = int(signature.digest, 16)
        self._digests.extend((digest >> 64, digest & 2**64 - 1))
        self._sizes.extend(signature.size)
        self._constant.append(signature.constant)
        self._modes.append(MODES.index(signature.mode))
        self.rasters.append(signature.raster)
        if signature.thumbnail is not None:
            self._hashes.append(int.from_bytes(np.packbits(signature.thumbnail.hash).tobytes()))
            self.gray_alpha.append(signature.thumbnail.gray_alpha[None])
            self.rgba.append(signature.thumbnail.rgba[None])

    @property
    def digests(self) -> np.ndarray:
        """Equal for images with equal pixels: uint64 [n 2]."""
        return np.array(self._digests).reshape(-1, 2)

    @property
    def hashes(self) -> np.ndarray:
        """Perceptual hashes of 64 bits of the large images: uint64 [m]."""
        return np.array(self._hashes)

    @property
    def sizes(self) -> np.ndarray:
        """(width, height) in pixels: int32 [n 2]."""
        return np.array(self._sizes, np.int32).reshape(-1, 2)

    @property
    def constant(self) -> np.ndarray:
        """Whether all pixels are equal: bool [n]."""
        return np.array(self._constant, bool)

    @property
    def modes(self) -> np.ndarray:
        """Index into MODES: int8 [n]."""
        return np.array(self._modes)
