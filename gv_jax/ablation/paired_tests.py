"""Confidence intervals, paired tests over seeds and over images, and their correction."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

RESAMPLES = 10_000
CONFIDENCE_LEVEL = 0.95
UNLIMITED = (-np.inf, np.inf)
MAX_DRAWS = 20_000_000  # indices drawn at once, a limit of the memory


@dataclass(frozen=True)
class Summary:
    """Statistics of a metric over seeds; None where they need two seeds.

    Attributes:
        count: number of seeds.
        mean: mean over seeds.
        std: sample standard deviation (n - 1).
        low: lower end of the 95 % confidence interval of the mean.
        high: its upper end.
    """

    count: int
    mean: float
    std: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Difference:
    """A mean paired difference, its 95 % confidence interval and its two-sided p-value."""

    mean: float
    low: float | None
    high: float | None
    p: float | None


def summarize(
    values: Sequence[float] | np.ndarray, limits: tuple[float, float] = UNLIMITED
) -> Summary:
    """Mean, standard deviation and Student's t interval of `values`, one for each seed.

    The interval is clipped to `limits`, the range of possible values.
    """
    array = np.asarray(values, np.float64)
    count, mean = len(array), float(array.mean())
    if count < 2:
        return Summary(count, mean, None, None, None)
    half_width = stats.t.ppf((1 + CONFIDENCE_LEVEL) / 2, count - 1) * stats.sem(array)
    low, high = np.clip([mean - half_width, mean + half_width], *limits)
    return Summary(count, mean, float(array.std(ddof=1)), float(low), float(high))


def paired_t_test(
    values: Sequence[float],
    reference: Sequence[float],
    limits: tuple[float, float] = UNLIMITED,
) -> Difference:
    """Student's paired t-test of values - reference, paired by seed.

    It tests whether the difference would hold with other seeds and the same images. With three
    seeds only a difference of more than 4.3 standard errors is significant.

    Args:
        values: one for each seed.
        reference: those of the reference.
        limits: lowest and highest possible difference, to which the interval is clipped.
    """
    array, reference_array = np.asarray(values, np.float64), np.asarray(reference, np.float64)
    differences = array - reference_array
    mean = float(differences.mean())
    if len(differences) < 2:
        return Difference(mean, None, None, None)
    if np.ptp(differences) == 0:  # t is infinite, or undefined
        return Difference(mean, mean, mean, 1.0 if mean == 0 else 0.0)
    test = stats.ttest_rel(array, reference_array)
    low, high = np.clip(test.confidence_interval(CONFIDENCE_LEVEL), *limits)
    return Difference(mean, float(low), float(high), float(test.pvalue))


def paired_bootstrap(values: np.ndarray, reference: np.ndarray, seed: int = 0) -> Difference:
    """Bootstrap test of the mean of values - reference, paired by image, percentile intervals.

    It tests whether the difference would hold on other images of the same kind, with the same
    trained networks. p is twice the fraction of resampled means on the other side of zero, with one
    added to the count so that it is never 0 (Davison & Hinkley 1997, eq. 4.11). Hand-written
    because scipy.stats.bootstrap gives no p-value.

    Args:
        values: scores of single images [n], means over seeds.
        reference: those of the reference [n].
        seed: of the resampling.
    """
    differences = np.asarray(values, np.float64) - np.asarray(reference, np.float64)
    count = len(differences)
    rng = np.random.default_rng(seed)
    chunk = max(1, MAX_DRAWS // max(count, 1))
    sizes = [min(chunk, RESAMPLES - start) for start in range(0, RESAMPLES, chunk)]
    means = np.concatenate(
        [differences[rng.integers(0, count, (size, count))].mean(1) for size in sizes]
    )
    low, high = np.quantile(means, [(1 - CONFIDENCE_LEVEL) / 2, (1 + CONFIDENCE_LEVEL) / 2])
    beyond = min((means <= 0).sum(), (means >= 0).sum())
    p = min(1.0, float(2 * (beyond + 1) / (RESAMPLES + 1)))
    return Difference(float(differences.mean()), float(low), float(high), p)


def holm_correction(values: Sequence[float | None]) -> list[float | None]:
    """p-values corrected for multiple comparisons: they control the family-wise error rate.

    Holm 1979, "A simple sequentially rejective multiple test procedure". Hand-written
    because SciPy has no such function.
    """
    order = sorted((p, index) for index, p in enumerate(values) if p is not None)
    corrected: list[float | None] = [None] * len(values)
    largest = 0.0
    for rank, (p, index) in enumerate(order):
        largest = max(largest, min(1.0, p * (len(order) - rank)))
        corrected[index] = largest
    return corrected
