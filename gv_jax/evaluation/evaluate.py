"""A network over a whole split, in batches; the last short batch is padded and masked, never dropped."""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from gv_jax.data.batches import padded

Examine = Callable[[Any, Any, Any], tuple[jax.Array, dict[str, jax.Array]]]
Feed = Callable[[np.ndarray], Any]


def examined(
    examine: Examine, weights: tuple[Any, Any], feed: Feed, size: int, batch_size: int, batches: int = 0
) -> Iterator[tuple[jax.Array, dict[str, jax.Array], np.ndarray]]:
    """(outputs, scores of every sample, mask) of each batch of `size` samples; of all, or of the first `batches`."""
    for number, (indices, mask) in enumerate(padded(size, batch_size)):
        if batches and number == batches:
            return
        yield *examine(*weights, feed(indices)), mask


def mean_scores(
    examine: Examine, weights: tuple[Any, Any], feed: Feed, size: int, batch_size: int, batches: int = 0
) -> dict[str, float]:
    """Every score summed over the split in float64 and divided once."""
    totals: dict[str, float] = {}
    count = 0
    for _, scores, mask in examined(examine, weights, feed, size, batch_size, batches):
        count += int(mask.sum())
        for name, values in jax.device_get(scores).items():
            totals[name] = totals.get(name, 0.0) + float(values[mask].sum(dtype=np.float64))
    return {name: total / count for name, total in totals.items()}


def all_outputs(examine: Examine, weights: tuple[Any, Any], feed: Feed, size: int, batch_size: int) -> np.ndarray:
    """The outputs for every sample of the split, in its order: [size ...]."""
    rows = [np.asarray(out)[mask] for out, _, mask in examined(examine, weights, feed, size, batch_size)]
    return np.concatenate(rows)
