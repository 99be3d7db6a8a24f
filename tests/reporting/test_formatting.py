"""Names and values as text."""

import pytest

from gv_jax.reporting.formatting import format_duration, format_value, heading


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("macro_f1", "Macro F1"),
        ("top5_accuracy", "Top-5 accuracy"),
        ("valid_mse", "Valid MSE"),
        ("train_s", "Training"),
        ("all_genres", "All genres"),
    ],
)
def test_headings(name, text):
    assert heading(name) == text


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("accuracy", 0.98765, "98.8 %"),
        ("valid_accuracy", 1, "100.0 %"),
        ("psnr", 23.4567, "23.46 dB"),
        ("train_s", 183.4, "3 min 03 s"),
        ("peak_memory_mb", 1423.2, "1,423 MB"),
        ("count", 12345, "12,345"),
        ("all_genres", 12345, "12,345"),
        ("loss", 0.54321, "0.543"),
        ("loss", 123.456, "123.5"),
        ("loss", -0.0, "0"),
        ("mse", 0.00045678, "0.000457"),
        ("images_per_second", 3121.7, "3,122"),
        ("loss", None, "\N{EN DASH}"),
        ("group", "", "\N{EN DASH}"),
        ("group", "pet", "pet"),
        ("resumed", True, "yes"),
    ],
)
def test_values(name, value, text):
    assert format_value(name, value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.42, "0.42 s"),
        (18.24, "18.2 s"),
        (59.96, "1 min 00 s"),
        (185.2, "3 min 05 s"),
        (7801, "2 h 10 min"),
    ],
)
def test_durations(seconds, text):
    assert format_duration(seconds) == text
