"""A network over a whole split, in batches; the last short batch is padded and masked, never dropped."""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from gv_jax.data.sampling import padded_batches

EvalStep = Callable[[Any, Any, Any], tuple[Any, dict[str, jax.Array]]]
GetBatch = Callable[[np.ndarray], Any]


def run_eval(
    examine: EvalStep,
    weights: tuple[Any, Any],
    feed: GetBatch,
    size: int,
    batch_size: int,
    batches: int = 0,
) -> Iterator[tuple[Any, dict[str, jax.Array], np.ndarray]]:
    """(record and scores of every sample, mask) of each batch of `size` samples; of all, or of the first `batches`."""
    for number, (indices, mask) in enumerate(padded_batches(size, batch_size)):
        if batches and number == batches:
            return
        yield *examine(*weights, feed(indices)), mask


def mean_metrics(
    examine: EvalStep,
    weights: tuple[Any, Any],
    feed: GetBatch,
    size: int,
    batch_size: int,
    batches: int = 0,
) -> dict[str, float]:
    """Every score summed over the split in float64 and divided once."""
    totals: dict[str, float] = {}
    count = 0
    for _, scores, mask in run_eval(examine, weights, feed, size, batch_size, batches):
        count += int(mask.sum())
        for name, values in jax.device_get(scores).items():
            totals[name] = totals.get(name, 0.0) + float(values[mask].sum(dtype=np.float64))
    return {name: total / count for name, total in totals.items()}


def collect_outputs(
    examine: EvalStep, weights: tuple[Any, Any], feed: GetBatch, size: int, batch_size: int
) -> Any:
    """What the task keeps of every sample of the split, in its order: arrays [size ...]."""
    batches = run_eval(examine, weights, feed, size, batch_size)
    rows = [
        jax.tree.map(lambda array, mask=mask: np.asarray(array)[mask], record)
        for record, _, mask in batches
    ]
    return jax.tree.map(lambda *parts: np.concatenate(parts), *rows)
