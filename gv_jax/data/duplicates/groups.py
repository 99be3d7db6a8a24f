"""Groups of pictures of a whole data set that are the same, or nearly."""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import coo_array, csgraph

from gv_jax.data.duplicates.hashing import Signature
from gv_jax.data.duplicates.index import MIN_CELLS, count_differing

GROUPS_VERSION = 1  # of what this file takes for alike
MAX_HASH_BITS = 10  # hashes of 64 bits that differ in no more belong to pictures worth comparing
BRIGHTNESS = (
    12  # a cell of brightness differs by more than this, of 255: a ball makes one do so, JPEG few
)
CONTRAST = 0.15  # colours differ by no more than this share of the flatter picture's contrast …
NOISE = (
    1.0  # … or by this, of 255: what compression does to a flat picture (root mean squares both)
)
SHIFT = 4.0  # of 255: the mean colour of sprites on transparent ground differs by no more
ROWS = 128  # hashes compared with all others at a time
PAIRS = 4096  # pictures compared at a time


def exact_duplicate_groups(signatures: Sequence[Signature]) -> list[list[int]]:
    """Groups of two or more pictures with the same pixels."""
    places: dict[str, list[int]] = {}
    for place, signature in enumerate(signatures):
        places.setdefault(signature.digest, []).append(place)
    return [group for group in places.values() if len(group) > 1]


def near_duplicate_groups(signatures: Sequence[Signature]) -> list[list[int]]:
    """Groups of two or more pictures that are not all the same, each nearly the same as another of its group.

    Candidates are all pairs whose hashes are close; what `nearly_same` says of them counts. A group is a
    connected component: a chain of frames has ends that differ. Constant pictures have no look to compare.
    """
    digests = [signature.digest for signature in signatures]
    _, firsts, inverse = np.unique(digests, return_index=True, return_inverse=True)
    chosen = [place for place in firsts if not signatures[place].constant]
    if not chosen:
        return []
    hashes = np.stack([signatures[place].hash for place in chosen])
    light = np.stack([signatures[place].light for place in chosen])
    colour = np.stack([signatures[place].colour for place in chosen])
    numbers = find_components(hashes, light, colour)
    members: dict[int, list[int]] = {}
    of_digest = dict(zip(inverse[chosen].tolist(), numbers.tolist(), strict=True))
    for place, digest in enumerate(inverse.tolist()):
        if digest in of_digest:
            members.setdefault(of_digest[digest], []).append(place)
    sizes = np.bincount(numbers)
    return [group for number, group in members.items() if sizes[number] > 1]


def find_components(hashes: np.ndarray, light: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """The number of the group that each picture is in: hashes bool [n 64], the others as in `Signature` -> [n]."""
    count = len(hashes)
    signs = np.where(hashes, np.float32(1), np.float32(-1))
    least = (
        hashes.shape[1] - 2 * MAX_HASH_BITS
    )  # the product of two rows of signs is the number of bits less twice those apart
    numbers, joined = np.arange(count), np.zeros((2, 0), int)
    for start in range(0, count, ROWS):
        close = np.triu(signs[start : start + ROWS] @ signs[start:].T >= least, 1)
        pairs = start + np.stack(np.nonzero(close))
        pairs = pairs[
            :, numbers[pairs[0]] != numbers[pairs[1]]
        ]  # those in one group need no comparison
        found = [
            part[
                :,
                is_near_duplicate(light[part[0]], light[part[1]], colour[part[0]], colour[part[1]]),
            ]
            for block in np.split(pairs, range(PAIRS, pairs.shape[1], PAIRS), axis=1)
            for part in [
                block[:, is_equally_bright(light[block[0]], light[block[1]])]
            ]  # cheaper, and rules out most
        ]
        joined = np.concatenate([joined, *found], axis=1)
        graph = coo_array((np.ones(joined.shape[1], bool), (joined[0], joined[1])), (count, count))
        numbers = csgraph.connected_components(graph, directed=False)[1]
    return numbers


def is_near_duplicate(
    light: np.ndarray, other_light: np.ndarray, colour: np.ndarray, other_colour: np.ndarray
) -> np.ndarray:
    """Whether two pictures show the same: [... 2 n] twice, [... 4 m] twice -> bool [...].

    Fewer than FEWEST cells may differ, as `count_differing` counts them, in brightness and in colour, in
    proportion fewer where parts are transparent. So a sprite that moved is another picture, and one of another
    colour too. All cells of two dark pictures can be within the tolerance, so the colours must also be close
    in relation to how much there is in the pictures. What is transparent was never in a JPEG, which shifts
    colours: there, the mean colour has to agree (red and scarlet potions of a tile set).

    Found by looking at pairs of cartoon frames, tiles and screenshots. A frame and the next of one shot are
    nearly the same if no more than a mouth or an eyelid moved; two positions in Pong are not.
    """
    visible = share_visible_pixels(light, other_light)
    shape = is_equally_bright(light, other_light) & (
        count_differing(colour, other_colour) < MIN_CELLS * visible
    )
    one, other = colour.astype(np.float32), other_colour.astype(np.float32)
    apart = np.sqrt(np.square(one - other).mean(axis=(-2, -1)))
    contrast = np.sqrt(np.minimum(one.var(axis=-1).mean(axis=-1), other.var(axis=-1).mean(axis=-1)))
    shift = np.abs((one - other).mean(axis=-1)).max(axis=-1)
    opaque = np.minimum(colour, other_colour)[..., 3, :].min(axis=-1) == 255
    return (
        shape
        & (apart <= np.maximum(NOISE, CONTRAST * contrast))
        & (opaque | (shift <= SHIFT * visible))
    )


def is_equally_bright(light: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Whether fewer cells than FEWEST, of those visible, differ in brightness or opacity: [... 2 n] -> bool [...]."""
    return count_differing(light, other, BRIGHTNESS) < MIN_CELLS * share_visible_pixels(
        light, other
    )


def share_visible_pixels(light: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The share of cells that are not transparent in both: [... 2 n] -> [...]."""
    return (np.maximum(light[..., 1, :], other[..., 1, :]) > 0).mean(axis=-1)
