"""The summary of a generation run."""

from types import SimpleNamespace

import numpy as np

from gv_jax.evaluation.generation.evaluation import GeneratedSamples, summarize

REAL = {"copies": 0.05, "class_accuracy": 0.7, "kid": 0.0}


def summarize_rows(**own):
    rows = {"generated": {"copies": 0.0} | own, "real": REAL, "neighbor_blends": {"kid": 0.01}}
    metrics = SimpleNamespace(rows=rows)
    return summarize(GeneratedSamples(None, np.arange(8), metrics, np.arange(3)), {"a": 3})


def test_the_summary_names_what_was_measured():
    text = summarize_rows(kid=0.02, kid_error=0.003, class_accuracy=0.5)
    assert "KID of 8 generated images 0.0200 (standard error 0.0030)" in text
    assert "the requested class in 50.0 % of 8 generated images" in text
    assert "too few" not in text
    assert "The network copies" not in text
    assert "The network copies: 12.0 %" in summarize_rows(copies=0.12)


def test_the_summary_says_that_there_are_too_few_images():
    text = summarize_rows(class_accuracy=0.5)
    assert text.startswith("There are too few images for KID, precision and recall.")
    assert "too few" not in summarize_rows()  # without features there is another line
