"""Groups of equal images and of near-duplicates in a whole data set."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array, csgraph

from gv_jax.data.duplicates.hashing import Signature
from gv_jax.data.duplicates.large import find_large_copies
from gv_jax.data.duplicates.relation import Relation
from gv_jax.data.duplicates.small import find_small_copies

GROUPS_VERSION = 3  # version of the resulting groups


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
    groups: dict[str, list[int]] = {}
    for index, signature in enumerate(signatures):
        groups.setdefault(signature.digest, []).append(index)
    return [group for group in groups.values() if len(group) > 1]


def near_duplicate_groups(signatures: Sequence[Signature]) -> list[list[int]]:
    """Groups of images that are near-duplicates but not all equal, as lists of indices."""
    return [copies.members for copies in find_near_duplicates(signatures)]


def find_near_duplicates(signatures: Sequence[Signature]) -> list[Copies]:
    """Groups of images that are near-duplicates but not all equal.

    Pairs of which one image is small are compared pixel by pixel, see `small`; others by their
    thumbnails, see `large`. A group is a connected component, so the first and last frame of a
    chain may differ. Constant images are ignored: they have no structure to compare.
    """
    digests = [signature.digest for signature in signatures]
    _, first_indices, inverse = np.unique(digests, return_index=True, return_inverse=True)
    compared = [i for i in sorted(first_indices.tolist()) if not signatures[i].constant]
    if not compared:
        return []
    chosen = [signatures[index] for index in compared]
    relations = find_large_copies(chosen) | find_small_copies(
        [signature.raster for signature in chosen], [signature.size for signature in chosen]
    )
    ends = np.array(list(relations), int).reshape(-1, 2).T
    shape = len(chosen), len(chosen)
    graph = coo_array((np.ones(ends.shape[1], bool), (ends[0], ends[1])), shape)
    components = csgraph.connected_components(graph, directed=False)[1]
    component_of = dict(zip(inverse[compared].tolist(), components.tolist(), strict=True))
    groups: dict[int, Copies] = {}
    for index, digest in enumerate(inverse.tolist()):
        if digest in component_of:
            groups.setdefault(component_of[digest], Copies([], {})).members.append(index)
    for (first, second), relation in relations.items():
        pair = compared[first], compared[second]
        groups[int(components[first])].relations[pair] = relation
    return [group for group in groups.values() if group.relations]
