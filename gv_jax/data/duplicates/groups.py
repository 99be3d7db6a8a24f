"""Groups of equal images and of near-duplicates in a whole data set."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from gv_jax.data.duplicates.disjoint_sets import DisjointSets
from gv_jax.data.duplicates.hashing import Signature
from gv_jax.data.duplicates.large import find_large_copies
from gv_jax.data.duplicates.raster import SMALL_PIXELS
from gv_jax.data.duplicates.relation import Relation
from gv_jax.data.duplicates.signature_file import SignatureFile
from gv_jax.data.duplicates.small import find_small_copies

GROUPS_VERSION = 4  # version of the resulting groups


@dataclass(frozen=True)
class Copies:
    """A group of images, and the pairs that connect it.

    Attributes:
        members: Indices of the images.
        relations: (first, second) -> how the second follows from the first.
    """

    members: list[int]
    relations: dict[tuple[int, int], Relation]


def exact_duplicate_groups(signatures: Sequence[Signature]) -> list[list[int]]:
    """Groups of two or more images with equal pixels, as lists of indices."""
    digests = np.array([signature.digest for signature in signatures])
    return find_equal_rows(digests[:, None]) if len(digests) else []


def near_duplicate_groups(signatures: Iterable[Signature]) -> list[list[int]]:
    """Groups of images that are near-duplicates but not all equal, as lists of indices."""
    return [copies.members for copies in find_near_duplicates(signatures)]


def find_near_duplicates(signatures: Iterable[Signature]) -> list[Copies]:
    """`group_near_duplicates` of signatures that are stored in temporary files meanwhile."""
    with SignatureFile() as stored:
        for signature in signatures:
            stored.append(signature)
        return group_near_duplicates(stored)


def find_equal_rows(rows: np.ndarray) -> list[list[int]]:
    """Groups of two or more equal rows of [n d], as lists of indices, in order of the first."""
    order, starts = _sort_rows(rows)
    lengths = np.diff(starts, append=len(order))
    groups = [
        order[start : start + length].tolist()
        for start, length in zip(starts[lengths > 1], lengths[lengths > 1], strict=True)
    ]
    return sorted(groups)


def _sort_rows(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The order of rows [n d], and where in it each set of equal ones starts: int [n], [k]."""
    order = np.lexsort(rows.T)  # half of the memory of np.unique with an axis
    differs = np.zeros(len(rows), bool)
    differs[:1] = True
    for column in rows.T:
        ordered = column[order]
        differs[1:] |= ordered[1:] != ordered[:-1]
    return order, np.flatnonzero(differs)


def group_near_duplicates(stored: SignatureFile) -> list[Copies]:
    """Groups of images that are near-duplicates but not all equal.

    Pairs of which one image is small are compared pixel by pixel, see `small`; others by their
    thumbnails, see `large`. A group is a connected component, so the first and last frame of a
    chain may differ. Constant images are ignored: they have no structure to compare.
    """
    if not len(stored):
        return []
    order, starts = _sort_rows(stored.digests)
    representative = np.empty(len(stored), np.int32)  # the first of the images with equal pixels
    representative[order] = np.repeat(order[starts], np.diff(starts, append=len(order)))
    del order, starts
    compared = np.flatnonzero((representative == np.arange(len(stored))) & ~stored.constant)
    # Blocks are searched by several threads, each of whose small products BLAS would divide among
    # threads that wait busily: that takes nine times as long on a machine that is not idle.
    with threadpool_limits(1, "blas"):
        relations = _find_relations(stored, compared)
    connected = np.unique(np.array(list(relations), np.int64).ravel())
    sets = DisjointSets(len(stored))
    for pair in relations:
        sets.join(*pair)
    groups: dict[int, Copies] = {}
    for index in np.flatnonzero(np.isin(representative, connected)):
        root = int(sets.find(representative[[index]])[0])
        groups.setdefault(root, Copies([], {})).members.append(int(index))
    for (one, other), relation in relations.items():
        groups[int(sets.find(np.array([one]))[0])].relations[one, other] = relation
    return list(groups.values())


def _find_relations(stored: SignatureFile, compared: np.ndarray) -> dict[tuple[int, int], Relation]:
    """{(first, second): relation} of pairs of the images `compared`, int [m]."""
    sizes = stored.sizes
    is_large = sizes.max(axis=1) > SMALL_PIXELS
    large = compared[is_large[compared]]
    rows = np.cumsum(is_large)[large] - 1  # in the files of the large images
    found = [
        (
            large,
            find_large_copies(
                stored.hashes[rows], stored.gray_alpha, stored.rgba, rows, sizes[large]
            ),
        ),
        (
            compared,
            find_small_copies(stored.rasters.take(compared), sizes[compared], stored.folder),
        ),
    ]
    return {
        (int(members[first]), int(members[second])): relation
        for members, copies in found
        for (first, second), relation in copies.items()
    }
