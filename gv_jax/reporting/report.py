"""report.html and report.md of a finished run, from its run directory; knows no task by name."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gv_jax.evaluation.metrics import is_fraction
from gv_jax.evaluation.splits import SPLIT_TITLES, WHOLE_IMAGES, select_main_split
from gv_jax.reporting.confidence_section import confidence_sections
from gv_jax.reporting.facts import run_facts
from gv_jax.reporting.figures import charts
from gv_jax.reporting.figures.common import save_report_figure
from gv_jax.reporting.figures.report_figure import ReportFigure
from gv_jax.reporting.formatting import format_value, heading
from gv_jax.reporting.methods_table import METHODS, methods_tables
from gv_jax.reporting.page import (
    Block,
    Cell,
    Details,
    Grid,
    MetricCard,
    Page,
    Section,
    Table,
    to_html,
    to_markdown,
)
from gv_jax.reporting.probe_section import (
    BASELINES_CAPTION,
    PENALTIES_CAPTION,
    draw_penalties,
    is_probe,
    probe_rows,
)
from gv_jax.reporting.provenance import provenance_section
from gv_jax.training.run_dir import RunDir, write_text

FIGURE_SECTIONS = {  # section of figures and tables -> its title, in order
    "learning": "Learning curves",
    "probe": "Linear probe",
    "results": "Results",
    "errors": "Errors",
    "classes": "Per class",
    "gallery": "Examples",
    "explanations": "Explanations",
    "data": "Data",
}
PER_CLASS_CAPTION = (
    "Worst class first. Precision: fraction of the images predicted as this class that belong to "
    "it. Recall: fraction of the images of the class that are predicted as it. F1: harmonic mean "
    "of both. Support: images of the class."
)
COMPARISON_CAPTION = (
    "Generated images beside real ones and baselines. KID, precision and recall compare features "
    "of EfficientNet-Lite0 with those of held-out images; for real images, training images are "
    "compared with held-out ones, and the other columns are of held-out images. Class accuracy: of "
    "a linear classifier of these features. Copies: nearer to one training image than a third of "
    "the distance to any of another group. Seam score: difference across the border of tileable "
    "images over that between neighboring pixels."
)
GENERATED_CLASSES_CAPTION = (
    "Generated and held-out images of each class: those that a linear classifier assigns to it, "
    "and near copies of training images."
)
ROW_TABLES = {  # key of a list of rows in results.json -> section, caption
    "top_confusions": (
        "errors",
        "The most frequent confusions; fractions are of the true class.",
    ),
    "per_class": ("classes", PER_CLASS_CAPTION),
    "sources": (
        "data",
        "Images per class as collected, after removal of duplicates, and in each split.",
    ),
    "epochs": ("learning", "Epochs selected by config.train.report_epochs."),
    "probe_baselines": ("probe", BASELINES_CAPTION),
    "penalties": ("probe", PENALTIES_CAPTION),
    "comparison": ("results", COMPARISON_CAPTION),
    "generated_classes": ("classes", GENERATED_CLASSES_CAPTION),
    "per_game": (
        "classes",
        "Worst game first, by CIEDE2000. The baseline is the gray lookup.",
    ),
}
NUM_CARDS = 4
NO_CURVES = {
    "step",
    "epoch",
    "images_per_second",
    "data_wait",
}  # numbers of metrics.jsonl without a figure


def write_report(
    folder: Path,
    figures: Sequence[ReportFigure],
    skipped: Sequence[str] = (),
    default_config: Mapping[str, Any] | None = None,
    warnings: Sequence[str] = (),
    extra_sections: Sequence[Section] = (),
) -> None:
    """Writes report.html and report.md.

    Args:
        folder: The run directory, with results.json, config.json and metrics.jsonl. Learning curves
            are added to its figures/.
        figures: Figures of the task.
        skipped: "file: reason" of each image that was left out.
        default_config: The config that differences are reported from.
        warnings: "source: reason" of each input that was changed or ignored.
        extra_sections: Sections before the last one.
    """
    run_dir = RunDir(folder)
    results = run_dir.results or {}
    metadata = json.loads((folder / "config.json").read_text("utf-8"))
    own = draw_penalties(folder, results) if is_probe(results) else draw_curves(run_dir, results)
    all_figures = [*own, *figures]
    page = Page(
        eyebrow=f"{heading(results.get('task', 'run'))} · gv_jax",
        title=f"{results.get('model', 'Model')} on {results.get('dataset', 'images')}",
        summary=results.get("summary", ""),
        facts=run_facts(results, metadata),
        cards=metric_cards(results),
        sections=[
            *report_sections(results, all_figures, skipped, warnings),
            *confidence_sections(results),
            *extra_sections,
            provenance_section(results, metadata, default_config),
        ],
    )
    texts = {"report.html": to_html(page), "report.md": to_markdown(page, folder)}
    for name, text in texts.items():
        # Names of files need not be valid UTF-8.
        write_text(folder / name, text.encode("utf-8", "replace").decode())


def draw_curves(run_dir: RunDir, results: Mapping[str, Any]) -> list[ReportFigure]:
    """Draws every metric of metrics.jsonl over epochs."""
    rows = run_dir.rows()
    folder = run_dir.path / "figures"
    folder.mkdir(exist_ok=True)
    names = dict.fromkeys(
        name for row in rows for name, value in row.items() if isinstance(value, int | float)
    )
    baselines = results.get("baseline", {}).get("valid", {})
    best_step = results.get("training", {}).get("best_step")
    figures = []
    for name in names:
        if name in NO_CURVES:
            continue
        baseline = baselines.get(name)
        caption = "By epoch."
        if len({row["split"] for row in rows if name in row}) > 1:
            caption += (
                " Training values are means over the epoch, with augmentation, dropout and the "
                "training loss."
            )
        if baseline is not None:
            caption += f" Dotted line: validation baseline, {format_value(name, baseline)}."
        figure = charts.plot_curves(rows, name, baseline, best_step)
        file = folder / f"curve_{name}.png"
        figures.append(save_report_figure(figure, file, "learning", heading(name), caption))
    return figures


def metric_cards(results: Mapping[str, Any]) -> list[MetricCard]:
    """The first metrics of the main split that have a baseline."""
    split = find_main_split(results)
    baseline = results.get("baseline", {})
    title_suffix = split
    if WHOLE_IMAGES in results:
        split, title_suffix = WHOLE_IMAGES, f"whole {split} images"
    metrics, values = results.get(split, {}), baseline.get(split, {})
    cards = []
    for name in [name for name in metrics if name in values][:NUM_CARDS]:
        value = metrics[name]
        note = f"baseline {format_value(name, values[name])}"
        if "name" in baseline:
            note += f" ({baseline['name']})"
        fractions = (value, values[name]) if is_fraction(name) else (None, None)
        title = f"{heading(name)}, {title_suffix}"
        cards.append(MetricCard(title, format_value(name, value), note, *fractions))
    return cards


def find_main_split(results: Mapping[str, Any]) -> str:
    """The split that the run is judged by; train for a run without results."""
    return select_main_split([split for split in SPLIT_TITLES if split in results] or ["train"])


def report_sections(
    results: Mapping[str, Any],
    figures: Sequence[ReportFigure],
    skipped: Sequence[str],
    warnings: Sequence[str],
) -> list[Section]:
    """Figures and tables by section, in the order of FIGURE_SECTIONS; unknown sections last.

    Args:
        results: The content of results.json.
        figures: All figures.
        skipped: "file: reason" of each image that was left out.
        warnings: "source: reason" of each input that was changed or ignored.
    """
    sections = []
    results = {**results, **probe_rows(results)}
    for key in dict.fromkeys([*FIGURE_SECTIONS, *(figure.section for figure in figures)]):
        items: list[ReportFigure | Table] = []
        if key == "results":
            items = [*methods_tables(results), metrics_table(results)]
        items += [figure for figure in figures if figure.section == key]
        for name, rows in results.items():
            section, caption = ROW_TABLES.get(name, ("results", heading(name)))
            if section == key and is_table(rows) and name != METHODS:
                items.append(rows_table(rows, caption))
        blocks: list[Block] = [Grid(items)] if items else []
        if key == "data" and skipped:
            blocks.append(Details(f"Skipped files ({len(skipped):,})", "\n".join(skipped)))
        if key == "data" and warnings:
            title = f"Warnings ({len(warnings):,})"
            blocks.append(Details(title, "\n".join(warnings)))
        if blocks:
            sections.append(Section(FIGURE_SECTIONS.get(key, heading(key)), blocks))
    return sections


def is_table(value: Any) -> bool:
    """Whether `value` is a list of rows."""
    return isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value)


def metrics_table(results: Mapping[str, Any]) -> Table:
    """Every metric of every split, and the baseline on the main split."""
    split, baseline = find_main_split(results), results.get("baseline", {})
    columns = {
        title: results[split_name]
        for split_name, title in SPLIT_TITLES.items()
        if split_name in results
    }
    caption = "Means over all images of a split."
    if WHOLE_IMAGES in results:
        caption = "At the size of the network input: means over all images of a split."
    if split in baseline:
        columns[f"Baseline, {split}"] = baseline[split]
        label = f' ("{baseline["class"]}")' if "class" in baseline else ""
        caption += f" Baseline: {baseline.get('name', 'no training')}{label}."
    rows = []
    for name in dict.fromkeys(name for column in columns.values() for name in column):
        values = [format_value(name, column.get(name)) for column in columns.values()]
        rows.append([Cell(heading(name)), *(Cell(value, numeric=True) for value in values)])
    return Table(("Metric", *columns), rows, caption)


def rows_table(rows: Sequence[Mapping[str, Any]], caption: str) -> Table:
    """A list of rows of results.json as a table."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = [[value_cell(name, row.get(name)) for name in names] for row in rows]
    return Table([heading(name) for name in names], cells, caption)


def value_cell(name: str, value: Any) -> Cell:
    """The value of a field, with a bar if it is a fraction."""
    numeric = isinstance(value, int | float)
    fraction = value if numeric and is_fraction(name) else None
    return Cell(format_value(name, value), numeric, fraction)
