"""Divides a number of images among classes."""

from collections.abc import Sequence

import numpy as np


def divide_in_proportion(weights: Sequence[int], count: int) -> list[int]:
    """Divides `count` in proportion to `weights`, by the method of the largest remainder."""
    exact = np.array(weights, float) * count / max(sum(weights), 1)
    parts = np.floor(exact).astype(int)
    rest = count - int(parts.sum())
    parts[np.argsort(parts - exact, kind="stable")[:rest]] += 1
    return parts.tolist()
