"""What the validation images say about the confidence of a classifier's predictions."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from gv_jax.errors import UserError
from gv_jax.evaluation.conformal import set_threshold

FALSE_POSITIVES = 0.05  # fraction of the validation images that are flagged as unfamiliar


class PrecisionThreshold(NamedTuple):
    """The lowest confidence from which on predictions have a precision, and the evidence.

    Attributes:
        threshold: The confidence.
        count: Validation images of this confidence or more.
        correct: Those of them whose prediction is correct.
        low: Lower end of the 95 % Wilson interval of correct / count.
    """

    threshold: float
    count: int
    correct: int
    low: float

    def __str__(self) -> str:
        return (
            f"confidence {self.threshold:.3f}: of {self.count:,} validation images of this "
            f"confidence or more, {self.correct:,} were predicted correctly "
            f"({100 * self.correct / self.count:.1f} %, lower end of the 95 % CI "
            f"{100 * self.low:.1f} %)"
        )


@dataclass(frozen=True)
class Confidence:
    """Calibration of a classifier, measured on n validation images.

    Arrays that do not apply are empty: true_probs to correct for several labels per image,
    label_thresholds for one, distances without stored training images.

    Attributes:
        temperature: Divisor of the logits.
        true_probs: Calibrated probability of the true class [n].
        confidences: Calibrated probability of the predicted class [n].
        correct: Whether the predicted class is the true one, bool [n].
        label_thresholds: Calibrated probability from which on a label is predicted [k].
        distances: Distance to the training images [n], see `novelty`.
    """

    temperature: float = 1.0
    true_probs: np.ndarray = field(default_factory=lambda: np.zeros(0))
    confidences: np.ndarray = field(default_factory=lambda: np.zeros(0))
    correct: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))
    label_thresholds: np.ndarray = field(default_factory=lambda: np.zeros(0))
    distances: np.ndarray = field(default_factory=lambda: np.zeros(0))

    def threshold_for(self, precision: float) -> PrecisionThreshold:
        """The lowest confidence at which the lower Wilson bound of the accuracy is `precision`.

        Args:
            precision: Fraction of correct predictions, in (0, 1).

        Raises:
            UserError: The validation images support it at no confidence.
        """
        if not len(self.confidences):
            raise UserError("the run has no validation images: give --below, not --precision")
        order = np.argsort(-self.confidences, kind="stable")
        confidences = self.confidences[order]
        is_last = np.append(confidences[1:] < confidences[:-1], True)  # of equal ones
        counts = np.flatnonzero(is_last) + 1
        correct = np.cumsum(self.correct[order])[is_last]
        lows = wilson_lower_ends(correct, counts)
        reached = np.flatnonzero(lows >= precision)
        if not len(reached):
            best = int(lows.argmax())
            raise UserError(
                f"--precision {precision:g} is not supported by the validation images: at best, "
                f"{correct[best]:,} of {counts[best]:,} were predicted correctly, lower end of the "
                f"95 % CI {100 * lows[best]:.1f} %; give --precision "
                f"{np.floor(100 * lows[best]) / 100:g} or less, or --below"
            )
        chosen = reached[-1]
        return PrecisionThreshold(
            float(confidences[counts[chosen] - 1]),
            int(counts[chosen]),
            int(correct[chosen]),
            float(lows[chosen]),
        )

    def set_threshold(self, level: float) -> float:
        """See `conformal.set_threshold`.

        Raises:
            UserError: There are too few validation images.
        """
        return set_threshold(self.true_probs, level)

    @property
    def max_distance(self) -> float | None:
        """The distance above which images are unfamiliar; None if it is unknown."""
        if not len(self.distances):
            return None
        return float(np.quantile(self.distances, 1 - FALSE_POSITIVES, method="higher"))


def wilson_lower_ends(correct: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Lower ends of the 95 % Wilson intervals of correct / counts, [n]; E. B. Wilson 1927.

    By hand because scipy computes one interval per call, in a millisecond.
    """
    z = 1.959963984540054  # 97.5 % quantile of the normal distribution
    fractions = correct / counts
    center = fractions + z**2 / (2 * counts)
    margin = z * np.sqrt(fractions * (1 - fractions) / counts + z**2 / (4 * counts**2))
    return np.maximum(center - margin, 0) / (1 + z**2 / counts)
