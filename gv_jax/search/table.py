"""The table of trials: for the report, as Markdown, and as unrounded CSV."""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import stdev
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from gv_jax.evaluation.metrics import is_fraction
from gv_jax.reporting.formatting import (
    NO_VALUE,
    format_duration,
    format_markdown_table,
    format_value,
    heading,
)
from gv_jax.reporting.page import Cell, Table
from gv_jax.search.runner import show_value
from gv_jax.search.trials import Search

STATUSES = {
    TrialState.COMPLETE: "",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "running",
}
FOLDS_CAPTION = "Mean ± standard deviation over {folds} folds of the training split. "
TRIALS_CAPTION = "Best first. The score of a pruned trial is that of its last epoch."


@dataclass(frozen=True)
class TrialRow:
    """A row of the table.

    Attributes:
        number: of the trial.
        values: of the fields.
        score: None before the first epoch.
        std: standard deviation over folds.
        seconds: duration; NaN if unknown.
        status: "pruned", "failed", "running", or "" if it completed.
        error: of a failed trial.
    """

    number: int
    values: dict[str, Any]
    score: float | None
    std: float | None
    seconds: float
    status: str
    error: str

    @property
    def completed(self) -> bool:
        return not self.status


def make_rows(search: Search, study: optuna.Study) -> list[TrialRow]:
    """The trials that have their values: completed ones first, then by score, then by number."""
    trials = [trial for trial in study.get_trials() if trial.state is not TrialState.WAITING]
    rows = [make_row(search, trial) for trial in trials if len(trial.params) == len(search.space)]

    def key(row: TrialRow) -> tuple[bool, bool, float, int]:
        score = row.score if row.score is not None else 0.0
        return bool(row.status), row.score is None, -score if search.maximize else score, row.number

    return sorted(rows, key=key)


def make_row(search: Search, trial: FrozenTrial) -> TrialRow:
    scores, epochs = trial.user_attrs.get("scores", []), trial.intermediate_values
    last = epochs[max(epochs)] if epochs else None
    began, ended = trial.datetime_start, trial.datetime_complete
    return TrialRow(
        number=trial.number,
        values=search.values_of(trial),
        score=trial.value if trial.state is TrialState.COMPLETE else last,
        std=stdev(scores) if len(scores) > 1 else None,
        seconds=(ended - began).total_seconds() if ended and began else float("nan"),
        status=STATUSES[trial.state],
        error=trial.user_attrs.get("error", ""),
    )


def trials_table(search: Search, rows: Sequence[TrialRow]) -> Table:
    """A row for every trial."""
    metric = search.metric_name
    cells = [
        [
            Cell(str(row.number)),
            Cell(
                format_score(metric, row),
                numeric=True,
                fraction=row.score if is_fraction(metric) else None,
            ),
            *(
                Cell(show_value(row.values[name]), numeric=not isinstance(row.values[name], str))
                for name in search.space
            ),
            Cell(
                format_duration(row.seconds) if math.isfinite(row.seconds) else NO_VALUE,
                numeric=True,
            ),
            Cell(row.status),
        ]
        for row in rows
    ]
    folds = FOLDS_CAPTION.format(folds=search.folds) if search.folds else ""
    header = ("Trial", f"{heading(metric)}, {search.split}", *search.space, "Time", "Status")
    return Table(header, cells, folds + TRIALS_CAPTION)


def format_score(metric: str, row: TrialRow) -> str:
    """ "76.6 % ± 0.4": score and standard deviation over folds."""
    score = format_value(metric, row.score)
    if row.std is None:
        return score
    return f"{score} ± {100 * row.std:.1f}" if is_fraction(metric) else f"{score} ± {row.std:.2g}"


def to_markdown_table(table: Table, best: str) -> str:
    """The table as Markdown, and the command of the best trial."""
    rows = [[cell.text for cell in row] for row in table.rows]
    lines = format_markdown_table(table.header, rows)
    return f"{lines}\n\n{table.caption}\n\nBest trial:\n\n    {best}\n"


def trials_to_csv(search: Search, rows: Sequence[TrialRow]) -> str:
    """The unrounded numbers; the score has the name of the metric."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["trial", search.metric, "std", *search.space, "seconds", "status", "error"])
    for row in rows:
        values = [row.values[name] for name in search.space]
        writer.writerow(
            [row.number, row.score, row.std, *values, row.seconds, row.status, row.error]
        )
    return text.getvalue()
