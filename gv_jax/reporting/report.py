"""report.html and report.md of a finished run, from what its folder holds; knows no task by name."""

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gv_jax.reporting.figures import charts
from gv_jax.reporting.figures.charts import ReportFigure
from gv_jax.reporting.formatting import format_value, heading, is_fraction
from gv_jax.reporting.page import (
    Block,
    Cell,
    Details,
    Grid,
    MetricCard,
    Page,
    Section,
    Table,
    Text,
    to_html,
    to_markdown,
)
from gv_jax.training.run_dir import RunDir, flatten, write_text

SPLIT_ORDER = ("train", "valid", "test")
FIGURE_SECTIONS = {  # of exhibits and tables, in their order
    "learning": "Learning",
    "results": "Results",
    "mistakes": "Mistakes",
    "classes": "Every class",
    "gallery": "Gallery",
    "data": "Data",
}
PER_CLASS = (
    "Worst first. Precision: how many of the pictures that were given this name bear it. Recall: how many "
    "pictures of the class were found. F1: the harmonic mean of both. Support: pictures of the class."
)
BASELINE_TITLES = (
    "Without learning: no colour at all, the mean colour of training, the mean colour of each grey in training. MSE "
    "and MAE are of a and b in units of 128, CIEDE2000 the difference as it is seen, within 5 the share of pixels for "
    "which that is at most 5. Flicker: the change of a and b, from one frame to the next, of a pixel whose grey stays."
)
ROW_TABLES = {  # lists of rows in results.json: section and caption
    "mistakes": ("mistakes", "What is taken for what most often; shares are of the true class."),
    "per_class": ("classes", PER_CLASS),
    "sources": (
        "data",
        "Pictures of every class as they came, after copies were left out, and in each split.",
    ),
    "epochs": ("learning", "Epochs that the configuration asks for (config.train.report_epochs)."),
    "floors": ("results", BASELINE_TITLES),
    "per_game": (
        "classes",
        "Worst first, by CIEDE2000; beside each measure that of the mean colour of each grey.",
    ),
}
NOT_METRICS = {"step", "epoch", "images_per_second"}


def write_report(
    run: Path,
    exhibits: Sequence[ReportFigure],
    skipped: Sequence[str] = (),
    base: Mapping[str, Any] | None = None,
    remarks: Sequence[str] = (),
    more: Sequence[Section] = (),
) -> None:
    """Writes report.html and report.md into `run`, which holds results.json, config.json and metrics.jsonl.

    exhibits: figures of this task; curves of what metrics.jsonl holds are added to figures/.
    skipped: "file: why" of pictures that were left out. base: the config that differences are told from.
    remarks: "what: why" of pictures that were used, but not as they came.
    more: sections of other making.
    """
    folder = RunDir(run)
    results = folder.results or {}
    config = json.loads((run / "config.json").read_text("utf-8"))
    everything = [*draw_curves(folder, results), *exhibits]
    page = Page(
        kicker=f"{heading(results.get('task', 'run'))} · gv_jax",
        title=f"{results.get('model', 'A model')} on {results.get('dataset', 'pictures')}",
        lead=results.get("summary", ""),
        facts=run_facts(results, config),
        cards=metric_cards(results),
        sections=[
            *report_sections(results, everything, skipped, remarks),
            *more,
            provenance_section(results, config, base),
        ],
    )
    for name, text in (("report.html", to_html(page)), ("report.md", to_markdown(page, run))):
        write_text(
            run / name, text.encode("utf-8", "replace").decode()
        )  # names of files need not be UTF-8


def draw_curves(folder: RunDir, results: Mapping[str, Any]) -> list[ReportFigure]:
    """Every metric in metrics.jsonl over the epochs."""
    rows = folder.rows()
    place = folder.path / "figures"
    place.mkdir(exist_ok=True)
    names = dict.fromkeys(
        name for row in rows for name, value in row.items() if isinstance(value, int | float)
    )
    exhibits = []
    for name in names:
        if name in NOT_METRICS:
            continue
        floor = results.get("baseline", {}).get("valid", {}).get(name)
        best = results.get("training", {}).get("best_step")
        charts.save_figure(charts.plot_curves(rows, name, floor, best), place / f"curve_{name}.png")
        compared = {row["split"] for row in rows if name in row}
        caption = "By epoch."
        if len(compared) > 1:
            caption = "By epoch; training is measured on the go, with augmentation, dropout and a loss of its own."
        if floor is not None:
            caption += f" Dotted: the floor on valid, {format_value(name, floor)}."
        exhibits.append(
            ReportFigure(place / f"curve_{name}.png", "learning", heading(name), caption)
        )
    return exhibits


def run_facts(results: Mapping[str, Any], config: Mapping[str, Any]) -> list[str]:
    """What one asks first: how large, how long, on what."""
    found = []
    counts = results.get("parameters", {})
    if counts:
        trained = counts.get("trainable", counts["total"])
        rest = "" if trained == counts["total"] else f", {trained:,} of them trained"
        found.append(f"{counts['total']:,} parameters{rest}")
    sizes = [
        f"{results[split]['count']:,} {split}"
        for split in SPLIT_ORDER
        if "count" in results.get(split, {})
    ]
    if sizes:
        found.append(f"pictures: {', '.join(sizes)}")
    if "train_s" in results.get("timing", {}):
        found.append(f"trained for {format_value('train_s', results['timing']['train_s'])}")
    if config.get("device"):
        found.append(f"on {config['device']}")
    return [*found, f"seed {config.get('seed', results.get('seed'))}"]


def main_split(results: Mapping[str, Any]) -> str:
    """The split that a run is judged by."""
    return next((name for name in reversed(SPLIT_ORDER) if name in results), SPLIT_ORDER[0])


def metric_cards(results: Mapping[str, Any]) -> list[MetricCard]:
    """The first four metrics that have a floor, beside it."""
    split = main_split(results)
    baseline = results.get("baseline", {})
    floors = baseline.get(split, {})
    found = []
    for name in [name for name in results.get(split, {}) if name in floors][:4]:
        value, floor = results[split][name], floors[name]
        shares = (value, floor) if is_fraction(name) else (None, None)
        text = f"floor {format_value(name, floor)}, {baseline.get('name', 'baseline')}"
        found.append(
            MetricCard(f"{heading(name)}, {split}", format_value(name, value), text, *shares)
        )
    return found


def report_sections(
    results: Mapping[str, Any],
    exhibits: Sequence[ReportFigure],
    skipped: Sequence[str],
    remarks: Sequence[str],
) -> list[Section]:
    """Figures and tables under their headings, in the order of SECTIONS, then what belongs to none of them."""
    names = dict.fromkeys([*FIGURE_SECTIONS, *(exhibit.section for exhibit in exhibits)])
    found = []
    for name in names:
        items: list[ReportFigure | Table] = [metrics_table(results)] if name == "results" else []
        items += [exhibit for exhibit in exhibits if exhibit.section == name]
        for key, rows in results.items():
            section, caption = ROW_TABLES.get(key, ("results", heading(key)))
            if section == name and is_table(rows):
                items.append(rows_table(rows, caption))
        blocks: list[Block] = [Grid(items)] if items else []
        if name == "data" and skipped:
            blocks.append(Details(f"{len(skipped):,} files were left out", "\n".join(skipped)))
        if name == "data" and remarks:
            blocks.append(
                Details(
                    f"Remarks on pictures that were used ({len(remarks):,})", "\n".join(remarks)
                )
            )
        if blocks:
            found.append(Section(FIGURE_SECTIONS.get(name, heading(name)), blocks))
    return found


def is_table(value: Any) -> bool:
    """Whether `value` is a list of rows."""
    return isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value)


def metrics_table(results: Mapping[str, Any]) -> Table:
    """Every metric of every split, and the floor on the one that counts."""
    split, baseline = main_split(results), results.get("baseline", {})
    columns = {heading(name): results[name] for name in SPLIT_ORDER if name in results}
    if split in baseline:
        columns[f"Floor, {split}"] = baseline[split]
    names = dict.fromkeys(name for column in columns.values() for name in column)
    rows = [
        [
            Cell(heading(name)),
            *(
                Cell(format_value(name, column.get(name)), number=True)
                for column in columns.values()
            ),
        ]
        for name in names
    ]
    caption = "Means over all pictures of a split, with the weights that were kept."
    if split in baseline:
        named = f" ({baseline['class']})" if "class" in baseline else ""
        caption += f" Floor: {baseline.get('name', 'no learning at all')}{named}."
    return Table(("Metric", *columns), rows, caption)


def rows_table(rows: Sequence[Mapping[str, Any]], caption: str) -> Table:
    """Rows as they are in results.json."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = []
    for row in rows:
        values = [(name, row.get(name)) for name in names]
        cells.append([value_cell(name, value) for name, value in values])
    return Table([heading(name) for name in names], cells, caption)


def value_cell(name: str, value: Any) -> Cell:
    """A value of the field `name`, with a bar where it is a share."""
    number = isinstance(value, int | float)
    return Cell(format_value(name, value), number, value if number and is_fraction(name) else None)


def provenance_section(
    results: Mapping[str, Any], config: Mapping[str, Any], base: Mapping[str, Any] | None
) -> Section:
    """What it takes to do it again."""
    here = flatten(config.get("config", {}))
    timing = results.get("timing", {})
    tables = []
    if base is not None:
        default = flatten(json.loads(json.dumps(base)))
        changed = [name for name in here if here[name] != default.get(name)]
        rows = [
            [
                Cell(name),
                Cell(format_config_value(default.get(name))),
                Cell(format_config_value(here[name])),
            ]
            for name in changed
        ]
        tables.append(
            Table(
                ("Field", "Default", "Here"),
                rows,
                "Where the configuration differs from the defaults.",
            )
        )
    if timing:
        rows = [
            [Cell(heading(name)), Cell(format_value(name, value), number=True)]
            for name, value in timing.items()
        ]
        tables.append(Table(("Cost", ""), rows))
    whole = "\n".join(f"{name} = {format_config_value(value)}" for name, value in here.items())
    versions = ", ".join(
        f"{name} {version}" for name, version in config.get("versions", {}).items() if version
    )
    commit = f" Commit {config['git_commit'][:12]}." if config.get("git_commit") else ""
    command = Text(shlex.join(config.get("command", [])), code=True)
    blocks: list[Block] = [command, *([Grid(tables)] if len(tables) > 1 else tables)]
    blocks += [Details("The whole configuration", whole), Text(f"{versions}.{commit}")]
    return Section("How it was run", blocks)


def format_config_value(value: Any) -> str:
    """A configuration's value as it would be typed; a dash for no such field."""
    return "\N{EN DASH}" if value is None else json.dumps(value, ensure_ascii=False)
