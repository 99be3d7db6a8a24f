"""Statistics against SciPy and cases worked out by hand."""

import numpy as np
import pytest
from scipy import stats

from gv_jax.ablation.paired_tests import holm_correction, paired_bootstrap, paired_t_test, summarize


def test_interval_of_three_seeds_by_hand():
    summary = summarize([0.74, 0.76, 0.78])
    assert summary.mean == pytest.approx(0.76)
    assert summary.std == pytest.approx(0.02)
    half_width = 4.302653 * 0.02 / 3**0.5
    assert (summary.low, summary.high) == pytest.approx((0.76 - half_width, 0.76 + half_width))


@pytest.mark.parametrize("values", [[0.667, 1.0], [0.0, 0.2], [0.9, 0.95, 1.0]])
def test_intervals_are_clipped_to_the_limits(values):
    summary, free = summarize(values, (0, 1)), summarize(values)
    assert (summary.mean, summary.std) == (free.mean, free.std)
    assert free.low < 0 or free.high > 1
    assert (summary.low, summary.high) == (max(free.low, 0), min(free.high, 1))
    reference = [0.1 * index for index in range(len(values))]
    clipped, free = (paired_t_test(values, reference, limits) for limits in [(-1, 1), (-9, 9)])
    assert (clipped.low, clipped.high) == (max(free.low, -1), min(free.high, 1))
    assert (clipped.mean, clipped.p) == (free.mean, free.p)


def test_one_seed_has_no_interval():
    summary = summarize([0.5])
    assert (summary.mean, summary.std, summary.low, summary.high) == (0.5, None, None, None)
    assert paired_t_test([0.5], [0.4]).p is None


def test_paired_t_test_is_scipys():
    rng = np.random.default_rng(0)
    values, reference = rng.normal(0.8, 0.02, 5), rng.normal(0.78, 0.02, 5)
    test, expected = paired_t_test(values, reference), stats.ttest_rel(values, reference)
    interval = expected.confidence_interval(0.95)
    assert test.p == pytest.approx(expected.pvalue)
    assert (test.low, test.high) == pytest.approx((interval.low, interval.high))


@pytest.mark.parametrize(("difference", "p"), [(0.0, 1.0), (0.1, 0.0)])
def test_equal_differences_of_all_seeds(difference, p):
    assert paired_t_test([0.5 + difference] * 3, [0.5] * 3).p == pytest.approx(p)


def test_bootstrap_over_images_agrees_with_the_normal_interval():
    rng = np.random.default_rng(1)
    values, reference = (
        (rng.random(400) < 0.8).astype(float),
        (rng.random(400) < 0.72).astype(float),
    )
    test = paired_bootstrap(values, reference)
    error = (values - reference).std(ddof=1) / 400**0.5
    assert test.mean == pytest.approx((values - reference).mean())
    assert test.low == pytest.approx(test.mean - 1.96 * error, abs=0.004)
    assert test.high == pytest.approx(test.mean + 1.96 * error, abs=0.004)
    assert test.p == pytest.approx(2 * stats.norm.sf(abs(test.mean) / error), abs=0.02)


def test_bootstrap_has_few_false_alarms():
    rng = np.random.default_rng(2)
    false_alarms = sum(
        paired_bootstrap(*(rng.random((2, 60)) < 0.7).astype(float)).p < 0.05 for _ in range(100)
    )
    assert false_alarms <= 12  # 5 expected; 12 or fewer with a probability of 0.999


def test_holm_by_hand():
    assert holm_correction([0.01, None, 0.04, 0.03]) == pytest.approx([0.03, None, 0.06, 0.06])
    assert holm_correction([0.6, 0.7]) == [1.0, 1.0]
    assert holm_correction([]) == []
