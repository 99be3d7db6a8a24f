"""Winograd's convolutions and their gradients equal XLA's, and are chosen where they are faster."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gv_jax.models.ops import winograd
from gv_jax.models.ops.convolution import conv_lax, convolve
from gv_jax.models.ops.winograd import (
    INPUT_TRANSFORM,
    KERNEL_TRANSFORM,
    MIN_SHARED_CHANNELS,
    OUTPUT_TRANSFORM,
    conv_winograd,
    make_grid,
    winograd_input_gradient,
    winograd_is_faster,
    winograd_kernel_gradient,
)

TOLERANCE = 5e-5  # of the largest value, float32


def random(seed, *shape):
    return jax.random.normal(jax.random.key(seed), shape)


def assert_close(value, expected):
    np.testing.assert_allclose(value, expected, atol=TOLERANCE * float(np.abs(expected).max()))


def test_transforms_compute_a_tile_exactly():
    inputs, taps = np.arange(36.0).reshape(6, 6) % 7, np.arange(9.0).reshape(3, 3) % 4
    products = (INPUT_TRANSFORM @ inputs.ravel()) * (KERNEL_TRANSFORM @ taps.ravel())
    windows = np.lib.stride_tricks.sliding_window_view(inputs, (3, 3))
    expected = (windows * taps).sum((2, 3))
    np.testing.assert_allclose(OUTPUT_TRANSFORM @ products, expected.ravel(), rtol=1e-5)


@given(
    n=st.integers(1, 3),
    h=st.integers(1, 11),
    w=st.integers(1, 11),
    ci=st.integers(1, 7),
    co=st.integers(1, 7),
    padding=st.tuples(st.integers(0, 2), st.integers(0, 2)),
)
@settings(max_examples=12, deadline=None)
def test_outputs_and_gradients_equal_xla(n, h, w, ci, co, padding):
    h, w = max(h, 3 - 2 * padding[0]), max(w, 3 - 2 * padding[1])
    x, kernel = random(0, n, h, w, ci), random(1, 3, 3, ci, co)

    @jax.jit
    def compute(x, kernel):
        y, vjp = jax.vjp(partial(conv_lax, strides=1, padding=padding), x, kernel)
        g = jnp.sin(y)
        results = (
            conv_winograd(x, kernel, padding),
            winograd_input_gradient(kernel, g, padding),
            winograd_kernel_gradient(x, g, padding),
        )
        return results, (y, *vjp(g))

    for value, expected in zip(*compute(x, kernel), strict=True):
        assert value.shape == expected.shape
        assert_close(value, expected)


def test_parts_of_a_batch_equal_the_whole(monkeypatch):
    x, kernel, g = random(0, 6, 9, 9, 5), random(1, 3, 3, 5, 4), random(2, 6, 9, 9, 4)

    def compute():
        return (
            conv_winograd(x, kernel, (1, 1)),
            winograd_input_gradient(kernel, g, (1, 1)),
            winograd_kernel_gradient(x, g, (1, 1)),
        )

    whole = compute()
    tiles_of_an_image = 36 * 9 * (5 + 4) * 4
    monkeypatch.setattr(winograd, "PART_BYTES", 2 * tiles_of_an_image)
    assert make_grid(x.shape, (1, 1)).count_parts(5 + 4) == 3
    for value, expected in zip(compute(), whole, strict=True):
        assert_close(value, expected)


@pytest.mark.parametrize(
    ("n", "part_bytes", "parts"), [(7, 10**9, 1), (7, 0, 7), (6, 4 * 36 * 9 * 2 * 3, 2)]
)
def test_the_least_number_of_equal_parts(n, part_bytes, parts, monkeypatch):
    monkeypatch.setattr(winograd, "PART_BYTES", part_bytes)
    assert make_grid((n, 12, 12, 1), (1, 1)).count_parts(2) == parts


@pytest.mark.parametrize("n", [1, 3])  # with fewer tiles than channels, and with more
def test_convolve_and_gradients_of_wide_maps_equal_xla(n):
    x, kernel, g = random(0, n, 14, 11, 128), random(1, 3, 3, 128, 130), random(2, n, 14, 11, 130)

    @jax.jit
    def compute(x, kernel, bias):
        results = []
        for conv in (
            partial(convolve, strides=1, padding=1),
            lambda x, kernel, bias: conv_lax(x, kernel, 1, (1, 1)) + bias.reshape(1, 1, 1, -1),
        ):
            y, vjp = jax.vjp(conv, x, kernel, bias)
            results.append((y, *vjp(g)))
        return results

    assert winograd_is_faster(x, kernel.shape, 1, (1, 1))
    for value, expected in zip(*compute(x, kernel, random(3, 130)), strict=True):
        assert_close(value, expected)


CHANNELS = 2 * MIN_SHARED_CHANNELS
WIDE = {"h": 8, "w": 8, "side": 3, "ci": CHANNELS, "co": CHANNELS, "strides": 1}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, True),
        ({"h": 7, "w": 7}, True),
        ({"ci": CHANNELS - 1}, False),
        ({"co": CHANNELS - 1}, False),
        ({"ci": 48, "co": 192}, True),
        ({"ci": 64, "co": 64}, False),
        ({"side": 5}, False),
        ({"strides": 2}, False),
        ({"h": 2, "w": 2}, False),  # most of its tile hangs over the edge
        ({"h": 5, "w": 5}, False),
        ({"dtype": jnp.bfloat16}, False),
    ],
)
def test_choice(change, expected):
    case = {**WIDE, "dtype": jnp.float32, **change}
    x = jax.ShapeDtypeStruct((2, case["h"], case["w"], case["ci"]), case["dtype"])
    kernel_shape = (case["side"], case["side"], case["ci"], case["co"])
    assert winograd_is_faster(x, kernel_shape, case["strides"], (1, 1)) == expected


def test_grouped_convolutions_are_not_taken():
    x = jax.ShapeDtypeStruct((2, 8, 8, 2 * CHANNELS), jnp.float32)
    assert not winograd_is_faster(x, (3, 3, CHANNELS, CHANNELS), 1, (1, 1))
