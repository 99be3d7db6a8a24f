"""The part of a report that is of a linear probe: cross-validation and baselines."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gv_jax.reporting.figures.common import save_report_figure
from gv_jax.reporting.figures.probe import plot_penalties
from gv_jax.reporting.figures.report_figure import ReportFigure
from gv_jax.reporting.formatting import format_value, heading

PENALTIES_CAPTION = (
    "Score on the held-out folds of the training split, by the L2 penalty of the classifier. The "
    "penalty of the highest score is used, and of equally good ones the largest."
)
BASELINES_CAPTION = (
    "Classifiers of the same features in the same folds of the training split: mean over folds and "
    "its 95 % confidence interval by Student's t. The penalty and k are selected on these folds."
)


def is_probe(results: Mapping[str, Any]) -> bool:
    """Whether a linear classifier was fitted, which has no learning curves."""
    return "penalty" in results.get("training", {})


def draw_penalties(path: Path, results: Mapping[str, Any]) -> list[ReportFigure]:
    """Draws the cross-validation of a linear probe; nothing if it has one penalty.

    Args:
        path: The run directory.
        results: The content of results.json.
    """
    rows = results["training"]["penalties"]
    if len(rows) < 2:
        return []
    folder = path / "figures"
    folder.mkdir(exist_ok=True)
    (metric,) = rows[0].keys() - {"penalty", "used"}
    figure, file = plot_penalties(rows, metric), folder / "penalties.png"
    title = "Cross-validation of the penalty"
    caption = "The marked penalty is used for the classifier of the report."
    if results["training"].get("penalty_at_edge"):
        caption += " It is at the edge of those tried: another one may be better."
    return [save_report_figure(figure, file, "probe", title, caption)]


def probe_rows(results: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The tables of a linear probe as lists of rows, by key; empty lists for other runs."""
    training = results.get("training", {})
    rows = []
    for row in training.get("probe_baselines", []):
        shown = {name: value for name, value in row.items() if name not in ("low", "high")}
        rows.append({**shown, "interval": f"{format_interval(row)} %"})
    return {"probe_baselines": rows, "penalties": training.get("penalties", [])}


def format_interval(row: Mapping[str, Any]) -> str:
    """The interval of a score in [0, 1] in %, as in "88.9\N{EN DASH}93.5"."""
    return f"{100 * row['low']:.1f}\N{EN DASH}{100 * row['high']:.1f}"


def summarize_probe(training: Mapping[str, Any]) -> str:
    """One or two sentences on the held-out score of a linear probe; "" without folds.

    Args:
        training: The section "training" of results.json.
    """
    rows = training.get("probe_baselines")  # absent in older runs
    if not rows:
        return ""
    (name,) = rows[0].keys() - {"method", "low", "high"}
    probe, *baselines = rows
    others = ", ".join(f"{row['method']} {format_value(name, row[name])}" for row in baselines)
    text = (
        f"{heading(name)} in {len(training['held_out']['folds'])} folds of the training split "
        f"{format_value(name, probe[name])} (95 % CI {format_interval(probe)}); {others}."
    )
    if training["penalty_at_edge"]:
        text += f" The L2 penalty {training['penalty']:g} is at the edge of those tried."
    return text
