"""Prediction sets that contain the true class with a chosen probability.

Split conformal prediction with the score 1 - p(true class), which gives the smallest sets on
average: Sadinle, Lei, Wasserman 2019, "Least ambiguous set-valued classifiers with bounded error
levels". The guarantee holds for images from the distribution of the validation images.
"""

import math
from typing import NamedTuple

import numpy as np

from gv_jax.errors import UserError
from gv_jax.evaluation.temperature import assign_folds

SET_LEVEL = 0.9  # of the sets in reports


class SetCoverage(NamedTuple):
    """How often sets contain the true class.

    Attributes:
        covered: Images whose set contains it.
        count: All images.
        mean_size: Mean number of classes in a set.
    """

    covered: int
    count: int
    mean_size: float


def set_threshold(true_probs: np.ndarray, level: float) -> float:
    """The probability from which on a class is in the set.

    Args:
        true_probs: Probability of the true class of each validation image [n].
        level: Probability with which a set contains the true class, in (0, 1).

    Raises:
        UserError: n is below level / (1 - level).
    """
    count = len(true_probs)
    rank = math.ceil((count + 1) * level - 1e-9)  # of the score 1 - p, from 1
    if rank > count:
        needed = math.ceil(level / (1 - level) - 1e-9)
        raise UserError(
            f"prediction sets of level {level:g} need {needed:,} validation images or more, and "
            f"the run has {count:,}: give a lower level"
        )
    return float(np.sort(true_probs)[count - rank])


def make_sets(probs: np.ndarray, threshold: float) -> np.ndarray:
    """The classes in the set of each image, bool [n k]; the most probable one always is.

    Args:
        probs: Probabilities [n k].
        threshold: As of `set_threshold`.
    """
    sets = probs >= threshold
    sets[np.arange(len(probs)), probs.argmax(1)] = True
    return sets


def measure_sets(probs: np.ndarray, labels: np.ndarray, threshold: float) -> SetCoverage:
    """The coverage of sets on images with true classes `labels` [n]; see `make_sets`."""
    sets = make_sets(probs, threshold)
    covered = sets[np.arange(len(labels)), labels]
    return SetCoverage(int(covered.sum()), len(labels), float(sets.sum(1).mean()))


def cross_measure_sets(probs: np.ndarray, labels: np.ndarray, level: float) -> SetCoverage:
    """The coverage on the validation images: of each fold with the threshold of the others.

    Args:
        probs: Probabilities [n k].
        labels: True classes [n].
        level: As of `set_threshold`.

    Raises:
        UserError: There are too few images.
    """
    folds = assign_folds(len(labels))
    true_probs = probs[np.arange(len(labels)), labels]
    parts = [
        measure_sets(
            probs[folds == fold],
            labels[folds == fold],
            set_threshold(true_probs[folds != fold], level),
        )
        for fold in np.unique(folds)
    ]
    count = sum(part.count for part in parts)
    size = sum(part.mean_size * part.count for part in parts) / count
    return SetCoverage(sum(part.covered for part in parts), count, size)
