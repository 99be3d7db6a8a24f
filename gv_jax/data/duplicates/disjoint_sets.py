"""Sets of numbers that are joined pair by pair."""

import numpy as np


class DisjointSets:
    """Disjoint sets of 0 to count - 1, at first each number alone; 8 bytes a number."""

    def __init__(self, count: int):
        self._parent = np.arange(count)

    def find(self, numbers: np.ndarray) -> np.ndarray:
        """The representative of the set of each number: int [n]."""
        roots = self._parent[numbers]
        while (self._parent[roots] != roots).any():
            roots = self._parent[roots]
        self._parent[numbers] = roots  # so that later calls are short
        return roots

    def join(self, first: int, second: int) -> None:
        """Joins the sets of two numbers; the smaller representative stays one."""
        ends = self.find(np.array([first, second]))
        self._parent[ends.max()] = ends.min()
