"""A loaded data set: images, labels and ids of every split as arrays."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gv_jax.data.rows import Images


@dataclass(frozen=True)
class Split:
    """One split of a data set.

    Attributes:
        images: uint8 [n h w c], memory-mapped and read-only unless it is a selection; of a data
            set larger than config.data.cache_mb, `rows.LazyImages`, which are decoded when they
            are indexed.
        labels: int32 [n], or multi-hot float32 [n k].
        ids: n unique names.
        hashes: Content hash of each stored image, see `image_hash.hash_image`; () if unknown.
    """

    images: Images
    labels: np.ndarray
    ids: Sequence[str]
    hashes: Sequence[str] = ()


@dataclass(frozen=True)
class Dataset:
    """A data set.

    Attributes:
        name: Name in `DATASETS`.
        classes: Class names, in the order of the labels.
        groups: Class -> super-class; empty for a data set without super-classes.
        splits: Those of "train", "valid" and "test" that the data set has.
        skipped: "file: reason" of each image that was left out.
        warnings: "source: reason" of each input that was changed or ignored, such as a missing box.
    """

    name: str
    classes: tuple[str, ...]
    groups: dict[str, str]
    splits: dict[str, Split]
    skipped: tuple[str, ...]
    warnings: tuple[str, ...] = ()
