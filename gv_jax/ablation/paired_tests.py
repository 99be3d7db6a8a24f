"""What a handful of seeds can tell: intervals, paired comparisons, and the price of making several of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

RESAMPLES = 10_000
CONFIDENCE_LEVEL = 0.95


@dataclass(frozen=True)
class Summary:
    """Mean over seeds, standard deviation (n - 1) and the half width of the 95 % interval; None below two seeds."""

    count: int
    mean: float
    deviation: float | None
    half_width: float | None


@dataclass(frozen=True)
class Difference:
    """A paired difference with its 95 % interval and p, the probability of so large a one by chance."""

    mean: float
    low: float | None
    high: float | None
    p: float | None


def summarize(values: Sequence[float] | np.ndarray) -> Summary:
    """Student's t interval of the mean of `values`, one for each seed."""
    array = np.asarray(values, np.float64)
    count = len(array)
    if count < 2:
        return Summary(count, float(array.mean()), None, None)
    deviation = float(array.std(ddof=1))
    half = float(stats.t.ppf((1 + CONFIDENCE_LEVEL) / 2, count - 1)) * deviation / count**0.5
    return Summary(count, float(array.mean()), deviation, half)


def paired_t_test(values: Sequence[float], reference: Sequence[float]) -> Difference:
    """`values` less `reference`, paired by seed: Student's paired t-test. It asks about other seeds, with the same
    pictures; with 3 seeds only a difference of many standard errors (4.3) is significant."""
    gaps = np.asarray(values, np.float64) - np.asarray(reference, np.float64)
    summary = summarize(gaps)
    if summary.half_width is None or summary.deviation is None:
        return Difference(summary.mean, None, None, None)
    low, high = summary.mean - summary.half_width, summary.mean + summary.half_width
    if summary.deviation == 0:
        return Difference(summary.mean, low, high, 1.0 if summary.mean == 0 else 0.0)
    t = abs(summary.mean) / (summary.deviation / summary.count**0.5)
    return Difference(summary.mean, low, high, float(2 * stats.t.sf(t, summary.count - 1)))


def paired_bootstrap(values: np.ndarray, reference: np.ndarray, seed: int = 0) -> Difference:
    """The same for scores of single pictures [n], means over the seeds, paired by picture: a bootstrap with
    percentile intervals. It asks about other pictures of the kind, with the same trained networks.

    p is twice the share of resampled means on the other side of zero, counted with one more so that it is never 0
    (Davison & Hinkley 1997, eq. 4.11).
    """
    gaps = np.asarray(values, np.float64) - np.asarray(reference, np.float64)
    draws = np.random.default_rng(seed)
    chunk = max(1, 20_000_000 // max(len(gaps), 1))
    means = np.concatenate(
        [
            gaps[draws.integers(0, len(gaps), (min(chunk, RESAMPLES - start), len(gaps)))].mean(1)
            for start in range(0, RESAMPLES, chunk)
        ]
    )
    low, high = np.quantile(means, [(1 - CONFIDENCE_LEVEL) / 2, (1 + CONFIDENCE_LEVEL) / 2])
    beyond = min((means <= 0).sum(), (means >= 0).sum())
    return Difference(
        float(gaps.mean()),
        float(low),
        float(high),
        min(1.0, float(2 * (beyond + 1) / (RESAMPLES + 1))),
    )


def holm_correction(values: Sequence[float | None]) -> list[float | None]:
    """p-values corrected for being several, so that the chance of any false alarm stays what it is for one.

    Holm 1979, "A simple sequentially rejective multiple test procedure".
    """
    order = sorted((p, place) for place, p in enumerate(values) if p is not None)
    corrected: list[float | None] = [None] * len(values)
    largest = 0.0
    for rank, (p, place) in enumerate(order):
        largest = max(largest, min(1.0, p * (len(order) - rank)))
        corrected[place] = largest
    return corrected
