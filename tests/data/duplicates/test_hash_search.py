"""Pairs of similar hashes, against the comparison of all pairs."""

import numpy as np
import pytest

from gv_jax.data.duplicates import hash_search


def compare_all(hashes: np.ndarray, max_bits: int) -> list[tuple[int, int]]:
    values = hashes.tolist()
    return [
        (first, second)
        for first in range(len(values))
        for second in range(first + 1, len(values))
        if (values[first] ^ values[second]).bit_count() <= max_bits
    ]


def make_hashes(count: int, seed: int) -> np.ndarray:
    """Random hashes, half of them with up to 14 other bits than an earlier one."""
    rng = np.random.default_rng(seed)
    hashes = rng.integers(0, 2**64, count, np.uint64)
    for index in range(count // 2, count):
        bits = rng.choice(64, rng.integers(0, 15), replace=False).astype(np.uint64)
        flipped = np.bitwise_or.reduce(np.uint64(1) << bits, initial=np.uint64(0))
        hashes[index] = hashes[rng.integers(0, index)] ^ flipped
    return hashes


@pytest.mark.parametrize("max_exhaustive", [0, 10**6])
@pytest.mark.parametrize("block", [16, 128, 5000])
def test_exactly_the_similar_pairs_are_found_in_order(monkeypatch, max_exhaustive, block):
    monkeypatch.setattr(hash_search, "MAX_EXHAUSTIVE", max_exhaustive)
    monkeypatch.setattr(hash_search, "ROWS_PER_BATCH", 64)
    hashes = make_hashes(300, 0)
    blocks = list(hash_search.find_similar_hashes(hashes, 10, block))
    assert len(blocks) == -(-300 // block)
    for number, pairs in enumerate(blocks):
        assert (pairs[0] // block == number).all()
    found = [tuple(pair) for pair in np.concatenate(blocks, axis=1).T.tolist()]
    assert len(found) > 100
    assert found == compare_all(hashes, 10)


@pytest.mark.parametrize("max_exhaustive", [0, 10**6])
@pytest.mark.parametrize("comparisons", [1, 50])
def test_little_memory_and_equal_hashes(monkeypatch, max_exhaustive, comparisons):
    monkeypatch.setattr(hash_search, "MAX_EXHAUSTIVE", max_exhaustive)
    monkeypatch.setattr(hash_search, "COMPARISONS", comparisons)
    hashes = np.concatenate([np.zeros(9, np.uint64), make_hashes(20, 1)])
    (pairs,) = hash_search.find_similar_hashes(hashes, 10, 128)
    assert [tuple(pair) for pair in pairs.T.tolist()] == compare_all(hashes, 10)


def test_no_hashes():
    assert list(hash_search.find_similar_hashes(np.zeros(0, np.uint64), 10, 128)) == []
