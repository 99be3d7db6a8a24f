"""Pairs of similar hashes among many, without comparing all pairs (multi-index hashing).

Of hashes that differ in few bits, one of four parts differs in a quarter of them at most. So hashes
are listed by each of their parts, and a hash is compared with the lists of all parts near its own
(Norouzi et al. 2012).
"""

from collections.abc import Iterator
from itertools import combinations

import numpy as np

BITS, PART_BITS = 64, 16
PARTS = BITS // PART_BITS
MAX_EXHAUSTIVE = 2**16  # hashes of which all pairs are compared: that takes as long
ROWS_PER_BATCH = 1024
COMPARISONS = 2**22  # at once


def find_similar_hashes(hashes: np.ndarray, max_bits: int, block: int) -> Iterator[np.ndarray]:
    """All pairs (first < second) of hashes that differ in at most `max_bits` bits.

    Args:
        hashes: uint64 [n].
        max_bits: the largest number of bits.
        block: the number of hashes whose pairs are returned together.

    Returns:
        For every block of first hashes its pairs, ordered: int [2 m].
    """
    exhaustive = len(hashes) <= MAX_EXHAUSTIVE
    index = None if exhaustive else _PartIndex(hashes, max_bits)
    rows_per_batch = max(block, ROWS_PER_BATCH // block * block)
    for start in range(0, len(hashes), rows_per_batch):
        stop = min(start + rows_per_batch, len(hashes))
        pairs = (
            _compare_all(hashes, start, stop, max_bits)
            if index is None
            else index.find(start, stop)
        )
        bounds = np.searchsorted(pairs[0], range(start + block, stop, block))
        yield from np.split(pairs, bounds, axis=1)


def _compare_all(hashes: np.ndarray, start: int, stop: int, max_bits: int) -> np.ndarray:
    """The pairs whose first hash is one of `start` to `stop`."""
    found = [np.zeros((2, 0), np.int64)]
    rows = max(COMPARISONS // (len(hashes) - start), 1)
    for first in range(start, stop, rows):
        last = min(first + rows, stop)
        differing = np.bitwise_count(hashes[first:last, None] ^ hashes[first:])
        found.append(first + np.stack(np.nonzero(np.triu(differing <= max_bits, 1))))
    return np.concatenate(found, axis=1)


class _PartIndex:
    """Hashes listed by each of their parts; 16 bytes a hash."""

    def __init__(self, hashes: np.ndarray, max_bits: int):
        self._hashes, self._max_bits = hashes, max_bits
        near = range(max_bits // PARTS + 1)
        flips = [sum(1 << bit for bit in bits) for k in near for bits in combinations(range(16), k)]
        self._flips = np.array(flips, np.uint16)
        self._orders, self._starts = [], []
        for part in range(PARTS):
            values = self._part(hashes, part)
            self._orders.append(np.argsort(values, kind="stable").astype(np.int32))
            counts = np.bincount(values, minlength=2**PART_BITS)
            self._starts.append(np.concatenate([[0], np.cumsum(counts)]))

    def find(self, start: int, stop: int) -> np.ndarray:
        """The pairs whose first hash is one of `start` to `stop`."""
        found = [np.zeros(0, np.int64)]
        for part in range(PARTS):
            values = self._part(self._hashes[start:stop], part)
            probes = (values[:, None] ^ self._flips).astype(np.int64)
            first, last = self._starts[part][probes], self._starts[part][probes + 1]
            lengths = (last - first).sum(axis=1)
            # Rows are taken together as long as their comparisons fit into memory.
            for rows in np.split(np.arange(len(values)), _cuts(lengths)):
                found.append(self._compare(start + rows, first[rows], last[rows], part))
        keys = np.unique(np.concatenate(found))
        return np.stack(np.divmod(keys, len(self._hashes)))

    def _compare(
        self, rows: np.ndarray, first: np.ndarray, last: np.ndarray, part: int
    ) -> np.ndarray:
        """Keys (first hash * n + second) of similar ones in lists [r f] `first` to `last`."""
        lengths = (last - first).ravel()
        ends = np.cumsum(lengths)
        within = np.arange(ends[-1]) - np.repeat(ends - lengths, lengths)
        others = self._orders[part][np.repeat(first.ravel(), lengths) + within]
        own = np.repeat(np.repeat(rows, first.shape[1]), lengths)
        later = others > own
        own, others = own[later], others[later]
        near = np.bitwise_count(self._hashes[own] ^ self._hashes[others]) <= self._max_bits
        return own[near] * len(self._hashes) + others[near]

    @staticmethod
    def _part(hashes: np.ndarray, part: int) -> np.ndarray:
        return ((hashes >> np.uint64(PART_BITS * part)) & np.uint64(2**PART_BITS - 1)).astype(
            np.uint16
        )


def _cuts(lengths: np.ndarray) -> np.ndarray:
    """Where to cut rows so that the sum of `lengths` in a part is about COMPARISONS or one row."""
    return np.flatnonzero(np.diff(np.cumsum(lengths) // COMPARISONS)) + 1
