"""KID against a double loop over pairs, and its standard error against repeated draws."""

import numpy as np
import pytest

from gv_jax.evaluation.generation.kid import kernel_distance


def kernel(x, y):
    return (x @ y / len(x) + 1) ** 3


def loop_distance(first, second):
    """Binkowski et al. 2018, eq. 4, pair by pair."""
    n, m = len(first), len(second)
    within = sum(kernel(first[i], first[j]) for i in range(n) for j in range(n) if i != j)
    others = sum(kernel(second[i], second[j]) for i in range(m) for j in range(m) if i != j)
    between = sum(kernel(x, y) for x in first for y in second)
    return within / n / (n - 1) + others / m / (m - 1) - 2 * between / n / m


def test_value_is_that_of_all_pairs():
    rng = np.random.default_rng(0)
    first, second = rng.normal(0, 1, (7, 4)), rng.normal(0.5, 2, (5, 4))
    assert kernel_distance(first, second)[0] == pytest.approx(loop_distance(first, second))


def test_error_is_that_of_a_jackknife_by_leaving_out_images():
    rng = np.random.default_rng(1)
    first, second = rng.normal(0, 1, (6, 3)), rng.normal(0.5, 2, (5, 3))
    without_first = [loop_distance(np.delete(first, i, 0), second) for i in range(6)]
    without_second = [loop_distance(first, np.delete(second, i, 0)) for i in range(5)]
    expected = np.sqrt(5 * np.var(without_first) + 4 * np.var(without_second))
    assert kernel_distance(first, second)[1] == pytest.approx(expected)


@pytest.mark.parametrize(("shift", "lowest", "highest"), [(0.5, 0.9, 1.15), (0.0, 1.0, 2.0)])
def test_error_is_the_spread_of_repeated_draws(shift, lowest, highest):
    """Of different distributions; of equal ones, it is up to twice as large."""
    rng = np.random.default_rng(2)
    draws = np.array(
        [
            kernel_distance(rng.normal(0, 1, (80, 8)), rng.normal(shift, 1, (100, 8)))
            for _ in range(200)
        ]
    )
    ratio = np.sqrt((draws[:, 1] ** 2).mean()) / draws[:, 0].std()
    assert lowest < ratio < highest


def test_intervals_cover_the_true_distance():
    """Linear terms only: for N(0, 1/4) in 1 dimension the kernel's moments are known."""
    rng, mean, var = np.random.default_rng(3), 0.5, 0.25

    def expectation(a, b):  # of (x y + 1)^3 for independent x ~ N(a, var), y ~ N(b, var)
        moments = [(1, m, m * m + var, m**3 + 3 * m * var) for m in (a, b)]
        return sum(c * x * y for c, x, y in zip((1, 3, 3, 1), *moments, strict=True))

    true = expectation(0, 0) + expectation(mean, mean) - 2 * expectation(0, mean)
    hits = 0
    for _ in range(200):
        first, second = rng.normal(0, 0.5, (60, 1)), rng.normal(mean, 0.5, (60, 1))
        value, error = kernel_distance(first, second)
        hits += abs(value - true) < 1.96 * error
    assert 0.88 < hits / 200 < 0.99


def test_equal_distributions_are_near_0_and_different_ones_are_not():
    rng = np.random.default_rng(4)
    reference = rng.normal(0, 1, (200, 16)).astype(np.float32)
    value, error = kernel_distance(rng.normal(0, 1, (200, 16)).astype(np.float32), reference)
    assert abs(value) < 3 * error
    value, error = kernel_distance(rng.normal(1, 1, (200, 16)).astype(np.float32), reference)
    assert value > 5 * error


def test_too_few_images_are_an_error():
    with pytest.raises(ValueError, match="2 and 5"):
        kernel_distance(np.zeros((2, 3)), np.zeros((5, 3)))
