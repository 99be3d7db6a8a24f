"""Predicts image files and writes the predictions as text."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gv_jax.inference.files.input_files import Inputs
from gv_jax.inference.files.predict_files import PredictedBatch, Predictor
from gv_jax.inference.files.predict_formats import FORMATTERS, rows_of

if TYPE_CHECKING:
    from gv_jax.inference.classifier import ClassifierRun


@dataclass(frozen=True)
class TextOptions:
    """What is written of each prediction.

    Attributes:
        format: A name in FORMATTERS.
        top: Number of classes.
        level: Coverage of the prediction sets; None for no sets.
        threshold: Probability below which a prediction is uncertain.
    """

    format: str
    top: int
    level: float | None
    threshold: float


@dataclass
class PredictionOutcome:
    """What predicting gave.

    Attributes:
        counts: Class -> number of images.
        num_images: Number of predicted images.
        num_uncertain: Those below the threshold.
        num_unfamiliar: Those unlike the training images.
        problems: (path as text, reason) of files that could not be read.
        notes: Further lines.
    """

    counts: Counter[str] = field(default_factory=Counter)
    num_images: int = 0
    num_uncertain: int = 0
    num_unfamiliar: int = 0
    problems: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def write_predictions(
    run: "ClassifierRun",
    inputs: Inputs,
    options: TextOptions,
    write: Callable[[str], object],
    explain: Callable[[PredictedBatch], object] | None = None,
) -> PredictionOutcome:
    """Writes the predictions of all readable images in their order.

    Args:
        run: The run.
        inputs: The images.
        options: What is written.
        write: Called with text, batch by batch.
        explain: Called with each batch after its text, if given.

    Raises:
        UserError: Prediction sets are asked for, and the run cannot make them.
    """
    predictor, outcome = Predictor(run), PredictionOutcome()
    is_first = True
    for batch in predictor.predict(inputs.sources):
        rows = rows_of(batch, options.top, options.threshold, options.level)
        for text in FORMATTERS[options.format](rows, is_first):
            write(text)
        if explain is not None:
            explain(batch)
        is_first = False
        outcome.num_images += len(rows)
        outcome.counts.update(label for row in rows for label in row.labels)
        outcome.num_uncertain += sum(row.uncertain for row in rows)
        outcome.num_unfamiliar += sum(bool(row.unfamiliar) for row in rows)
    outcome.problems = predictor.problems
    outcome.notes = [line for line in (predictor.describe_conversions(),) if line]
    return outcome
