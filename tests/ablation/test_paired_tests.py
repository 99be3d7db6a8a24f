"""Statistics against SciPy's own tests and hand-worked cases."""

import numpy as np
import pytest
from scipy import stats

from gv_jax.ablation.paired_tests import holm_correction, paired_bootstrap, paired_t_test, summarize


def test_interval_of_three_seeds_by_hand():
    summary = summarize([0.74, 0.76, 0.78])
    assert summary.mean == pytest.approx(0.76)
    assert summary.deviation == pytest.approx(0.02)
    assert summary.half_width == pytest.approx(4.302653 * 0.02 / 3**0.5, rel=1e-6)


def test_one_seed_has_no_interval():
    summary = summarize([0.5])
    assert (summary.mean, summary.deviation, summary.half_width) == (0.5, None, None)
    assert paired_t_test([0.5], [0.4]).p is None


def test_paired_over_seeds_is_scipys_paired_t_test():
    draws = np.random.default_rng(0)
    ours, theirs = draws.normal(0.8, 0.02, 5), draws.normal(0.78, 0.02, 5)
    found, expected = paired_t_test(ours, theirs), stats.ttest_rel(ours, theirs)
    interval = expected.confidence_interval(0.95)
    assert found.p == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))


@pytest.mark.parametrize(("gap", "p"), [(0.0, 1.0), (0.1, 0.0)])
def test_seeds_that_all_say_the_same(gap, p):
    assert paired_t_test([0.5 + gap] * 3, [0.5] * 3).p == pytest.approx(p)


def test_bootstrap_over_pictures_agrees_with_the_normal_interval():
    draws = np.random.default_rng(1)
    ours, theirs = (draws.random(400) < 0.8).astype(float), (draws.random(400) < 0.72).astype(float)
    found = paired_bootstrap(ours, theirs)
    error = (ours - theirs).std(ddof=1) / 400**0.5
    assert found.mean == pytest.approx((ours - theirs).mean())
    assert found.low == pytest.approx(found.mean - 1.96 * error, abs=0.004)
    assert found.high == pytest.approx(found.mean + 1.96 * error, abs=0.004)
    assert found.p == pytest.approx(2 * stats.norm.sf(abs(found.mean) / error), abs=0.02)


def test_bootstrap_finds_nothing_between_equals():
    scores = (np.arange(100) % 3 == 0).astype(float)
    assert paired_bootstrap(scores, scores).p == 1.0


def test_bootstrap_false_alarms_are_as_rare_as_promised():
    draws = np.random.default_rng(2)
    alarms = sum(
        paired_bootstrap(*(draws.random((2, 60)) < 0.7).astype(float)).p < 0.05 for _ in range(100)
    )
    assert alarms <= 12  # 5 expected; 12 or fewer with a probability of 0.999


def test_holm_by_hand():
    assert holm_correction([0.01, None, 0.04, 0.03]) == pytest.approx([0.03, None, 0.06, 0.06])
    assert holm_correction([0.6, 0.7]) == [1.0, 1.0]
    assert holm_correction([]) == []
