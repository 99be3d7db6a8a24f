"""Evaluation of a network on a whole split in batches; the last one is padded and masked."""

from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from typing import Any

import jax
import numpy as np

from gv_jax.data.batch_reader import BatchReader
from gv_jax.data.sampling import padded_batches

Weights = tuple[Any, Any]  # params, batch_stats
EvalStep = Callable[[Any, Any, Any], tuple[Any, dict[str, jax.Array]]]
GetBatch = BatchReader[np.ndarray]  # indices [n] -> batch


def run_eval(
    eval_step: EvalStep,
    weights: Weights,
    get_batch: GetBatch,
    size: int,
    batch_size: int,
    max_batches: int = 0,
) -> Iterator[tuple[Any, dict[str, jax.Array], np.ndarray]]:
    """Evaluates the images of a split in order.

    Args:
        eval_step: (params, batch_stats, batch) -> (outputs, metrics), of every image of the batch.
        weights: params and batch_stats.
        get_batch: Indices [batch_size] -> batch.
        size: Number of images of the split.
        batch_size: Images per batch.
        max_batches: Number of batches after which to stop; 0 for all.

    Yields:
        (outputs, metrics, mask) of each batch; mask, bool [batch_size], is False for padding.
    """
    padded = list(islice(padded_batches(size, batch_size), max_batches or None))
    with closing(get_batch.stream([indices for indices, _ in padded])) as batches:
        for batch, (_, mask) in zip(batches, padded, strict=True):
            yield *eval_step(*weights, batch), mask


def mean_metrics(
    eval_step: EvalStep,
    weights: Weights,
    get_batch: GetBatch,
    size: int,
    batch_size: int,
    max_batches: int = 0,
) -> dict[str, float]:
    """The mean of every metric over a split, summed in float64; arguments as of `run_eval`."""
    totals: dict[str, float] = {}
    count = 0
    batches = run_eval(eval_step, weights, get_batch, size, batch_size, max_batches)
    for _, metrics, mask in batches:
        count += int(mask.sum())
        for name, values in jax.device_get(metrics).items():
            totals[name] = totals.get(name, 0.0) + float(values[mask].sum(dtype=np.float64))
    return {name: total / count for name, total in totals.items()}


def collect_outputs(
    eval_step: EvalStep, weights: Weights, get_batch: GetBatch, size: int, batch_size: int
) -> Any:
    """The outputs of all images of a split, in order; arguments as of `run_eval`.

    Returns:
        Arrays [size ...] in the structure of the outputs of `eval_step`.
    """
    chunks = [
        jax.tree.map(lambda array, mask=mask: np.asarray(array)[mask], outputs)
        for outputs, _, mask in run_eval(eval_step, weights, get_batch, size, batch_size)
    ]
    return jax.tree.map(lambda *arrays: np.concatenate(arrays), *chunks)
