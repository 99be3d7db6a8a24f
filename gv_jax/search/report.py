"""table.md, table.csv, report.html and figures/ of a search."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from gv_jax.errors import UserError
from gv_jax.reporting.figures.charts import ReportFigure, save_figure
from gv_jax.reporting.formatting import format_duration, format_value, heading, is_fraction
from gv_jax.reporting.page import (
    Cell,
    Details,
    Grid,
    MetricCard,
    Page,
    Section,
    Table,
    Text,
    to_html,
)
from gv_jax.search import charts
from gv_jax.search.trials import Search
from gv_jax.training.run_dir import write_text

STATE_TEXTS = {
    TrialState.COMPLETE: "",
    TrialState.PRUNED: "cut short",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "open",
}
TRIALS_CAPTION = "Best first. {averaged}A trial that was cut short has the score of its last epoch."


@dataclass(frozen=True)
class TrialRow:
    """A trial as the table has it. score: None before the first epoch; deviation: over folds."""

    number: int
    values: dict[str, Any]
    score: float | None
    deviation: float | None
    seconds: float
    end: str
    why: str


def write_search_report(search: Search, study: optuna.Study) -> str:
    """Writes all of it into the folder of the search; the table, and the command of the best, as text.

    Raises:
        UserError: no trial came to its end.
    """
    trials = [trial for trial in study.get_trials() if trial.state != TrialState.WAITING]
    lines = rank_trials(
        [trial_row(search, trial) for trial in trials if len(trial.params) == len(search.space)],
        search.maximized,
    )
    whole = [each for each in lines if not each.end]
    if not whole:
        why = next(
            (each.why for each in lines if each.why), "stopped before the first came to its end"
        )
        raise UserError(f"no trial came to its end: {why}")
    best = search.typed(whole[0].values)
    results = trials_table(search, lines)
    place = search.folder / "figures"
    place.mkdir(exist_ok=True)
    exhibits = draw_search_figures(search, lines, place)
    write_text(search.folder / "table.md", search_text(results, best))
    write_text(search.folder / "table.csv", trials_to_csv(search, lines))
    write_text(
        search.folder / "report.html", to_html(search_page(search, lines, results, exhibits, best))
    )
    return search_text(results, best)


def trial_row(search: Search, trial: FrozenTrial) -> TrialRow:
    """What a trial came to."""
    scores = trial.user_attrs.get("scores", [])
    last = (
        trial.intermediate_values[max(trial.intermediate_values)]
        if trial.intermediate_values
        else None
    )
    done, begun = trial.datetime_complete, trial.datetime_start
    return TrialRow(
        number=trial.number,
        values=search.values(trial),
        score=trial.value if trial.state == TrialState.COMPLETE else last,
        deviation=float(np.std(scores, ddof=1)) if len(scores) > 1 else None,
        seconds=(done - begun).total_seconds() if done and begun else float("nan"),
        end=STATE_TEXTS[trial.state],
        why=trial.user_attrs.get("why", ""),
    )


def rank_trials(lines: Sequence[TrialRow], maximized: bool) -> list[TrialRow]:
    """Those that came to their end first, each kind best first; of equals the one that was tried first."""

    def place(each: TrialRow) -> tuple[bool, bool, float, int]:
        score = each.score if each.score is not None else 0.0
        return bool(each.end), each.score is None, -score if maximized else score, each.number

    return sorted(lines, key=place)


def trials_table(search: Search, lines: Sequence[TrialRow]) -> Table:
    """A row for every trial."""
    metric = search.metric.split(".")[1]
    rows = []
    for each in lines:
        score = format_value(metric, each.score)
        if each.deviation is not None:
            score += (
                f" ± {100 * each.deviation:.1f}"
                if is_fraction(metric)
                else f" ± {each.deviation:.2g}"
            )
        share = each.score if is_fraction(metric) else None
        row = [Cell(str(each.number)), Cell(score, number=True, share=share)]
        row += [
            Cell(
                format_trial_value(each.values[name]), number=not isinstance(each.values[name], str)
            )
            for name in search.space
        ]
        time = format_duration(each.seconds) if np.isfinite(each.seconds) else "\N{EN DASH}"
        rows.append([*row, Cell(time, number=True), Cell(each.end)])
    averaged = (
        f"Mean ± standard deviation over {search.folds} folds of the training split. "
        if search.folds
        else ""
    )
    head = ("Trial", f"{heading(metric)}, {search.metric.split('.')[0]}", *search.space, "Time", "")
    return Table(head, rows, TRIALS_CAPTION.format(averaged=averaged))


def format_trial_value(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def draw_search_figures(
    search: Search, lines: Sequence[TrialRow], place: Any
) -> list[ReportFigure]:
    """The scores in the order of the trials, and over the values of every field."""
    metric, found = search.metric.split(".")[1], [each for each in lines if each.score is not None]
    ordered = sorted(found, key=lambda each: each.number)
    scores = [each.score or 0.0 for each in ordered]
    whole = [not each.end for each in ordered]
    exhibits = []

    def drawn(figure: Any, name: str, heading: str, caption: str) -> None:
        save_figure(figure, place / f"{name}.png")
        exhibits.append(ReportFigure(place / f"{name}.png", "results", heading, caption))

    history = charts.plot_history(
        [each.number for each in ordered], scores, whole, metric, search.maximized
    )
    drawn(
        history,
        "history",
        "Trial by trial",
        "Full dots came to their end; the line is the best so far.",
    )
    varied = [
        name for name in search.space if len({str(each.values[name]) for each in ordered}) > 1
    ]
    if search.method == "grid" and len(varied) == 2 and any(whole):
        first, second = varied
        spots = {
            (format_trial_value(each.values[first]), format_trial_value(each.values[second])): (
                each.score or 0.0,
                each.end,
            )
            for each in ordered
        }
        plane = charts.plot_heatmap(spots, (first, second), metric, search.maximized)
        drawn(
            plane, "plane", "Both fields", "The darker the better; of all that came to their end."
        )
    for name in varied:
        given = [each.values[name] for each in ordered]
        logarithmic = bool(getattr(search.space[name], "log", False))
        figure = charts.plot_scatter(given, scores, whole, name, metric, logarithmic)
        drawn(figure, f"field_{name}", name, "Every trial a dot; other fields vary too.")
    return exhibits


def search_page(
    search: Search,
    lines: Sequence[TrialRow],
    results: Table,
    exhibits: Sequence[ReportFigure],
    best: str,
) -> Page:
    """The whole report."""
    metric = search.metric.split(".")[1]
    whole = [each for each in lines if not each.end]
    count = {end: sum(each.end == end for each in lines) for end in ("cut short", "failed", "open")}
    facts = [f"{len(whole)} of {search.total} trials came to their end"]
    facts += [f"{number} {end}" for end, number in count.items() if number]
    judged = (
        f"{search.folds} folds of the training split"
        if search.folds
        else f"the {search.metric.split('.')[0]} split"
    )
    space = [[Cell(name), Cell(repr(values))] for name, values in search.space.items()]
    common = ", ".join(f"{name} = {value}" for name, value in search.common.items())
    failed = [[Cell(str(each.number)), Cell(each.why)] for each in lines if each.why]
    sections = [
        Section("The best", [Text(best, code=True)]),
        Section("Trials", [results]),
        Section("What matters", [Grid(list(exhibits))]),
    ]
    if failed:
        sections.append(Section("Failed", [Table(("Trial", "Why"), failed)]))
    commands = "\n".join(f"{each.number}: {search.typed(each.values)}" for each in lines)
    how = [
        Table(("Field", "Space"), space, f"Everywhere: {common}." if common else ""),
        Details("Commands", commands),
    ]
    sections.append(Section("How it was searched", how))
    cards = []
    for each in whole[:4]:
        told = ", ".join(
            f"{name.split('.')[-1]} {format_trial_value(value)}"
            for name, value in each.values.items()
        )
        share = each.score if is_fraction(metric) else None
        cards.append(
            MetricCard(f"Trial {each.number}", format_value(metric, each.score), told, share)
        )
    return Page(
        kicker="Search · gv_jax",
        title=search.folder.name,
        lead=f"{heading(metric)} on {judged}; method {search.method}, from {search.config}. The best of many is told "
        "too well by its own score: test it on pictures that it was not chosen by.",
        facts=facts,
        cards=cards,
        sections=sections,
    )


def search_text(results: Table, best: str) -> str:
    """The table as Markdown, and what to type."""
    rows = [
        list(results.head),
        ["---", *["--:"] * (len(results.head) - 1)],
        *([c.text for c in row] for row in results.rows),
    ]
    lines = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return f"{lines}\n\n{results.caption}\n\nThe best:\n\n    {best}\n"


def trials_to_csv(search: Search, lines: Sequence[TrialRow]) -> str:
    """The numbers unrounded."""
    out = io.StringIO()
    sheet = csv.writer(out, lineterminator="\n")
    sheet.writerow(["trial", search.metric, "deviation", *search.space, "seconds", "end", "why"])
    for each in lines:
        values = [each.values[name] for name in search.space]
        sheet.writerow(
            [each.number, each.score, each.deviation, *values, each.seconds, each.end, each.why]
        )
    return out.getvalue()
