"""Predictions for several images."""

import numpy as np

from gv_jax.evaluation.confidence import Confidence
from gv_jax.inference.prediction import Predictions


def test_rounding_does_not_make_a_validation_image_unfamiliar():
    valid = np.array([0.2, 0.5, 0.70952921])
    distances = np.array([0.2, valid[2] + 1e-6, valid[2] + 1e-3])
    predictions = Predictions(
        ("a", "b"), np.full((3, 2), 0.5), False, distances, Confidence(distances=valid)
    )
    assert predictions.unfamiliar is not None
    assert predictions.unfamiliar.tolist() == [False, False, True]
