"""Whether a classifier of training images finds generated ones to be of the requested class."""

import numpy as np

from gv_jax.data.splits.kfold import assign_folds, labels_to_classes
from gv_jax.training.cross_validation import root_mean_square
from gv_jax.training.ridge import Classifier, fit_ridge, held_out_ridge

PENALTIES = (1.0, 10.0, 100.0, 1e3, 1e4, 1e5)  # of features scaled to a mean square of 1
DEFAULT_PENALTY = 100.0  # of images too few to choose
NUM_FOLDS = 5


def fit_classifier(
    features: np.ndarray, labels: np.ndarray, groups: np.ndarray, seed: int
) -> Classifier:
    """A ridge classifier of one-hot labels, with the penalty of the best held-out accuracy.

    Args:
        features: of training images, float [n f].
        labels: int [n].
        groups: of each image, int [n]; a group is held out as a whole. With fewer than NUM_FOLDS
            groups, nothing is held out, and the penalty is DEFAULT_PENALTY.
        seed: of the folds.
    """
    scale = 1 / max(root_mean_square(features), 1e-12)
    rows = features * np.asarray(scale, features.dtype)
    targets = np.eye(labels.max() + 1)[labels]
    penalty = DEFAULT_PENALTY
    if len(np.unique(groups)) >= NUM_FOLDS:
        names = [str(group) for group in groups]
        folds = assign_folds(labels_to_classes(labels), names, NUM_FOLDS, seed)
        scores = held_out_ridge(rows, targets, folds, PENALTIES, len(rows))
        accuracies = (scores.argmax(-1) == labels).mean(-1)
        penalty = max(zip(accuracies, PENALTIES, strict=True))[1]  # of equal ones, the largest
    ((kernel, bias),) = fit_ridge(rows, targets, (penalty,))
    return kernel * scale, bias


def predict_labels(classifier: Classifier, features: np.ndarray) -> np.ndarray:
    """The most likely class of each row of `features` [n f]: int [n]."""
    kernel, bias = classifier
    return (features @ kernel + bias).argmax(1)
