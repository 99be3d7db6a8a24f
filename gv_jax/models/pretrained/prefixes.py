"""Prefixes that wrappers put before the names of a state dict: "module.", "backbone." and others.

`torch.nn.DataParallel`, `torch.compile`, Lightning and self-supervised training each have their
own, and they nest.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from typing import NamedTuple

from gv_jax.errors import UserError


class PrefixMatch(NamedTuple):
    """prefix: before the known names, "" for none. count: of known names with that prefix."""

    prefix: str
    count: int


def find_prefix(names: Iterable[str], known: Collection[str]) -> PrefixMatch:
    """The prefix with which most of `known` are among `names`.

    Args:
        names: of the tensors of a state dict.
        known: names without a prefix.

    Raises:
        UserError: two prefixes with equally many, as of a student and a teacher.
    """
    counts = Counter(
        name[: len(name) - len(suffix)]
        for name in names
        for suffix in suffixes(name)
        if suffix in known
    )
    if not counts:
        return PrefixMatch("", 0)
    most = max(counts.values())
    prefixes = sorted(prefix for prefix, count in counts.items() if count == most)
    if prefixes[0] and len(prefixes) > 1 and most > 1:
        raise UserError(
            f"the weights hold {most} names of this network under each of the prefixes "
            f"{', '.join(map(repr, prefixes))}: save only the tensors of one of them"
        )
    return PrefixMatch(prefixes[0], most)


def suffixes(name: str) -> list[str]:
    """The name without its first 0, 1, ... parts."""
    parts = name.split(".")
    return [".".join(parts[start:]) for start in range(len(parts))]
