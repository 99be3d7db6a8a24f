"""What a classifier predicts for several images."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from gv_jax.errors import UserError
from gv_jax.evaluation.confidence import Confidence
from gv_jax.evaluation.conformal import make_sets

ROUNDING = 1e-5  # of distances, which are at most 2 and differ between batches and devices


@dataclass(frozen=True)
class Predictions:
    """Predictions for n images.

    Attributes:
        classes: Names of the k classes.
        probabilities: Calibrated, float64 [n k]. For several labels per image they are independent.
        multi_label: Whether an image may have several labels.
        distances: Distance to the training images [n], see `novelty`; None if unknown.
        confidence: The calibration of the run.
    """

    classes: tuple[str, ...]
    probabilities: np.ndarray
    multi_label: bool
    distances: np.ndarray | None
    confidence: Confidence = field(repr=False)

    def __len__(self) -> int:
        return len(self.probabilities)

    def __getitem__(self, rows: int | slice) -> "Predictions":
        """The predictions for some of the images."""
        if isinstance(rows, int):
            if not -len(self) <= rows < len(self):
                raise IndexError(rows)
            rows = slice(rows, rows + 1 or None)
        distances = None if self.distances is None else self.distances[rows]
        return replace(self, probabilities=self.probabilities[rows], distances=distances)

    @cached_property
    def labels(self) -> list[str] | list[tuple[str, ...]]:
        """The most probable class of each image; with several labels, all that it has."""
        if not self.multi_label:
            return [self.classes[index] for index in self.probabilities.argmax(1)]
        thresholds = self.confidence.label_thresholds
        has_label = self.probabilities >= (thresholds if len(thresholds) else 0.5)
        return [tuple(np.array(self.classes)[row].tolist()) for row in has_label]

    @cached_property
    def confidences(self) -> np.ndarray:
        """Probability of the most probable class [n]."""
        return self.probabilities.max(1)

    def top(self, count: int = 5) -> list[list[tuple[str, float]]]:
        """The `count` most probable classes of each image with their probabilities.

        Raises:
            UserError: `count` is not at least 1.
        """
        check_count(count)
        order = np.argsort(-self.probabilities, axis=1, kind="stable")[:, :count]
        return [
            [(self.classes[index], float(probs[index])) for index in row]
            for row, probs in zip(order, self.probabilities, strict=True)
        ]

    def sets(self, level: float = 0.9) -> list[list[str]]:
        """The prediction set of each image, most probable class first; see `conformal`.

        Args:
            level: Probability with which a set contains the true class, in (0, 1).

        Raises:
            UserError: Several labels per image, or too few validation images.
        """
        if self.multi_label:
            raise UserError("prediction sets are for runs with one class per image")
        if not 0 < level < 1:
            raise UserError(f"the level of prediction sets is {level:g}: give 0 < level < 1")
        inside = make_sets(self.probabilities, self.confidence.set_threshold(level))
        order = np.argsort(-self.probabilities, axis=1, kind="stable")
        return [
            [self.classes[index] for index in row if members[index]]
            for row, members in zip(order, inside, strict=True)
        ]

    @property
    def unfamiliar(self) -> np.ndarray | None:
        """Whether each image is unlike the validation images, bool [n]; None if unknown."""
        limit = self.confidence.max_distance
        if self.distances is None or limit is None:
            return None
        return self.distances > limit + ROUNDING


def join_predictions(parts: Sequence[Predictions]) -> Predictions:
    """The predictions of several batches of one run, of which there is at least one."""
    first = parts[0]
    distances = [part.distances for part in parts if part.distances is not None]
    return replace(
        first,
        probabilities=np.concatenate([part.probabilities for part in parts]),
        distances=np.concatenate(distances) if len(distances) == len(parts) else None,
    )


def check_count(count: int) -> None:
    """Raises UserError unless `count` is a whole number of at least 1."""
    if not isinstance(count, int | np.integer) or count < 1:
        raise UserError(f"the count is {count!r}: give a whole number of at least 1")
