"""Writes table.md, table.csv, report.html and figures/ of a search."""

from collections.abc import Sequence
from pathlib import Path

import optuna
from matplotlib.figure import Figure

from gv_jax.errors import UserError
from gv_jax.evaluation.metrics import is_fraction
from gv_jax.reporting.figures.report_figure import ReportFigure
from gv_jax.reporting.figures.style import save_figure
from gv_jax.reporting.formatting import format_value, heading
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
from gv_jax.search.runner import show_value
from gv_jax.search.table import (
    STATUSES,
    TrialRow,
    make_rows,
    to_markdown_table,
    trials_table,
    trials_to_csv,
)
from gv_jax.search.trials import Search
from gv_jax.training.run_dir import write_text
from gv_jax.wording import count_noun

MAX_TRIAL_CARDS = 4


def write_search_report(search: Search, study: optuna.Study) -> str:
    """Writes the files into the folder of the search.

    Returns:
        The table and the command of the best trial, as Markdown.

    Raises:
        UserError: no trial completed.
    """
    rows = make_rows(search, study)
    completed = [row for row in rows if row.completed]
    if not completed:
        errors = [row.error for row in rows if row.error]
        raise UserError(f"no trial completed: {[*errors, 'interrupted'][0]}")
    best = search.shell_command(completed[0].values)
    table = trials_table(search, rows)
    folder = search.folder / "figures"
    folder.mkdir(exist_ok=True)
    figures = draw_search_figures(search, rows, folder)
    text = to_markdown_table(table, best)
    write_text(search.folder / "table.md", text)
    write_text(search.folder / "table.csv", trials_to_csv(search, rows))
    write_text(search.report, to_html(search_page(search, rows, table, figures, best)))
    return text


def draw_search_figures(
    search: Search, rows: Sequence[TrialRow], folder: Path
) -> list[ReportFigure]:
    """Writes the scores by trial and by the value of every field that varies.

    Args:
        search: the study.
        rows: its trials.
        folder: of the figures.
    """
    metric = search.metric_name
    ordered = sorted((row for row in rows if row.score is not None), key=lambda row: row.number)
    numbers = [row.number for row in ordered]
    scores = [row.score or 0.0 for row in ordered]
    completed = [row.completed for row in ordered]
    figures = []

    def add(figure: Figure, name: str, title: str, caption: str) -> None:
        file = folder / f"{name}.png"
        save_figure(figure, file)
        figures.append(ReportFigure(file, "results", title, caption))

    history = charts.plot_history(numbers, scores, completed, metric, search.maximize)
    caption = "Filled dots: completed trials; line: the best so far."
    add(history, "history", "Scores by trial", caption)
    varied = [name for name in search.space if len({str(row.values[name]) for row in ordered}) > 1]
    if search.method == "grid" and len(varied) == 2 and any(completed):
        first, second = varied
        table = {
            (show_value(row.values[first]), show_value(row.values[second])): (score, row.status)
            for row, score in zip(ordered, scores, strict=True)
        }
        heatmap = charts.plot_heatmap(table, (first, second), metric, search.maximize)
        add(heatmap, "heatmap", "Scores by both fields", "Darker is better; completed trials.")
    for name in varied:
        values = [row.values[name] for row in ordered]
        log = bool(getattr(search.space[name], "log", False))
        figure = charts.plot_scatter(values, scores, completed, name, metric, log)
        add(figure, f"field_{name}", name, "A dot for every trial; other fields vary too.")
    return figures


def search_page(
    search: Search,
    rows: Sequence[TrialRow],
    table: Table,
    figures: Sequence[ReportFigure],
    best: str,
) -> Page:
    """The report.

    Args:
        search: the study.
        rows: its trials.
        table: of `trials_table`.
        figures: of `draw_search_figures`.
        best: the command of the best trial.
    """
    sections = [
        Section("Best trial", [Text(best, code=True)]),
        Section("Trials", [table]),
        Section("Scores by field", [Grid(list(figures))]),
    ]
    errors = [[Cell(str(row.number)), Cell(row.error)] for row in rows if row.error]
    if errors:
        sections.append(Section("Failed trials", [Table(("Trial", "Error"), errors)]))
    space = [[Cell(name), Cell(repr(values))] for name, values in search.space.items()]
    common = ", ".join(f"{name} = {value}" for name, value in search.overrides.items())
    fields = Table(("Field", "Space"), space, f"All trials: {common}." if common else "")
    commands = "\n".join(f"{row.number}: {search.shell_command(row.values)}" for row in rows)
    sections.append(Section("Setup", [fields, Details("Commands", commands)]))
    counts = {status: sum(row.status == status for row in rows) for status in STATUSES.values()}
    facts = [f"{counts.pop('')} of {count_noun(search.total, 'trial')} completed"]
    facts += [f"{count} {status}" for status, count in counts.items() if count]
    scored_on = (
        f"{search.folds} folds of the training split"
        if search.folds
        else f"the {search.split} split"
    )
    return Page(
        eyebrow="Search · gv_jax",
        title=search.folder.name,
        summary=f"{heading(search.metric_name)} on {scored_on}; method {search.method}, base "
        f"{search.config}. The best of many trials is biased upwards: confirm it on images that "
        "were not used to select it.",
        facts=facts,
        cards=[trial_card(search.metric_name, row) for row in rows if row.completed][
            :MAX_TRIAL_CARDS
        ],
        sections=sections,
    )


def trial_card(metric: str, row: TrialRow) -> MetricCard:
    """The score of a trial with the values of its fields."""
    values = (f"{name.split('.')[-1]} {show_value(value)}" for name, value in row.values.items())
    fraction = row.score if is_fraction(metric) else None
    return MetricCard(
        f"Trial {row.number}", format_value(metric, row.score), ", ".join(values), fraction
    )
