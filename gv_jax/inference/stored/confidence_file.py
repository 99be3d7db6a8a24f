"""The file of a run directory that holds the calibration of a classifier."""

from dataclasses import asdict
from pathlib import Path

import numpy as np

from gv_jax.evaluation.confidence import Confidence
from gv_jax.inference.partial_file import write_partial
from gv_jax.inference.stored.neighbors import read_arrays

CONFIDENCE_FILE = "confidence.npz"


def write_confidence(path: Path, confidence: Confidence) -> None:
    """Writes the file CONFIDENCE_FILE into a run directory, completely or not at all."""
    with write_partial(path / CONFIDENCE_FILE) as partial, partial.open("wb") as file:
        np.savez(file, **asdict(confidence))


def read_confidence(path: Path) -> Confidence:
    """The calibration in a run directory; that of an uncalibrated classifier if there is none.

    Raises:
        UserError: The file is damaged.
    """
    arrays = read_arrays(path / CONFIDENCE_FILE)
    if arrays is None:
        return Confidence()
    return Confidence(**{**arrays, "temperature": float(arrays["temperature"])})
