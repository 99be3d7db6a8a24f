"""Predictions of image files as a table, CSV or JSON lines."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from gv_jax.inference.files.path_text import escape_cell, escape_start
from gv_jax.inference.files.predict_files import PredictedBatch

FORMATS = ("table", "csv", "jsonl")
PATH_WIDTH = 40  # characters; longer paths are not cut


@dataclass(frozen=True)
class PredictionRow:
    """The prediction of one image.

    Attributes:
        path: As printable text.
        labels: The predicted class; for several labels per image any number of them.
        top: (class, probability) of the most probable classes, the best first.
        probability: Of the predicted class, or the confidence in all labels.
        uncertain: Whether the probability is below the threshold.
        unfamiliar: Whether the image differs from all training images; None if the run cannot
            judge.
        prediction_set: Classes that contain the true one with the given probability; None if it
            was not asked for.
        multi_label: Whether an image has any number of labels.
    """

    path: str
    labels: tuple[str, ...]
    top: tuple[tuple[str, float], ...]
    probability: float
    uncertain: bool
    unfamiliar: bool | None
    prediction_set: tuple[str, ...] | None
    multi_label: bool


def rows_of(
    batch: PredictedBatch, top: int, threshold: float, level: float | None
) -> list[PredictionRow]:
    """The rows of a batch.

    Args:
        batch: Predicted images.
        top: Number of classes in `PredictionRow.top`.
        threshold: Probability below which a prediction is uncertain.
        level: Coverage of the prediction sets; None for no sets.

    Raises:
        UserError: Sets are asked for, and the run has no scores of validation images.
    """
    predictions = batch.predictions
    sets = None if level is None else predictions.sets(level)
    unfamiliar = predictions.unfamiliar
    rows = []
    for index, (label, confidence, best) in enumerate(
        zip(predictions.labels, predictions.confidences, predictions.top(top), strict=True)
    ):
        is_multi = not isinstance(label, str)
        rows.append(
            PredictionRow(
                str(batch.images[index].source),
                tuple(label) if is_multi else (label,),
                tuple((name, float(value)) for name, value in best),
                float(confidence),
                not is_multi and float(confidence) < threshold,
                None if unfamiliar is None else bool(unfamiliar[index]),
                None if sets is None else tuple(sets[index]),
                is_multi,
            )
        )
    return rows


def iter_table(rows: Sequence[PredictionRow], is_first: bool) -> Iterator[str]:
    """One line per image: path, classes with percentages, flags. It has no header."""
    del is_first
    for row in rows:
        parts = [f"{row.path:<{PATH_WIDTH}}"]
        parts += [f"{name} {100 * value:.1f} %" for name, value in row.top]
        if row.prediction_set is not None:
            parts.append("{" + ", ".join(row.prediction_set) + "}")
        parts += ["uncertain"] * row.uncertain + ["unfamiliar"] * bool(row.unfamiliar)
        yield "  ".join(parts) + "\n"


def iter_csv(rows: Sequence[PredictionRow], is_first: bool) -> Iterator[str]:
    """CSV: path, label, probability, uncertain, unfamiliar, prediction_set, ranks 2 to k.

    Paths and classes are printable and no formulas for spreadsheets, see `escape_cell`; lists of
    classes are JSON.
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    for row in rows:
        if is_first:
            others = range(2, len(row.top) + 1)
            names = [name for rank in others for name in (f"label_{rank}", f"probability_{rank}")]
            header = ["path", "label", "probability", "uncertain", "unfamiliar", "prediction_set"]
            table.writerow([*header, *names])
            is_first = False
        label = to_json(row.labels) if row.multi_label else escape_cell(row.labels[0])
        classes = "" if row.prediction_set is None else to_json(row.prediction_set)
        cells = [escape_start(row.path), label, format_probability(row.probability)]
        cells += [format_flag(row.uncertain), format_flag(row.unfamiliar), classes]
        for name, value in row.top[1:]:
            cells += [escape_cell(name), format_probability(value)]
        table.writerow(cells)
    yield text.getvalue()


def iter_jsonl(rows: Sequence[PredictionRow], is_first: bool) -> Iterator[str]:
    """One JSON object a line: path, label (or labels), probability, uncertain, unfamiliar,
    prediction_set, top."""
    del is_first
    for row in rows:
        labels = {"labels": row.labels} if row.multi_label else {"label": row.labels[0]}
        yield (
            to_json(
                {
                    "path": row.path,
                    **labels,
                    "probability": round(row.probability, 6),
                    "uncertain": row.uncertain,
                    "unfamiliar": row.unfamiliar,
                    "prediction_set": row.prediction_set,
                    "top": [{"label": name, "probability": round(p, 6)} for name, p in row.top],
                }
            )
            + "\n"
        )


FORMATTERS = {"table": iter_table, "csv": iter_csv, "jsonl": iter_jsonl}


def format_probability(value: float) -> str:
    return f"{value:.6f}"


def format_flag(flag: bool | None) -> str:
    """ "yes", "no", or "" where it is unknown."""
    return "" if flag is None else "yes" if flag else "no"


def to_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
