"""table.csv, table.md, report.html and figures/ of a study."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from gv_jax.ablation import charts
from gv_jax.ablation.comparison import Variant, compare, device, floors
from gv_jax.ablation.study import Run, Study
from gv_jax.ablation.table import markdown, raw, spread, tables
from gv_jax.evaluation import figures, metrics
from gv_jax.evaluation.figures import Exhibit
from gv_jax.evaluation.page import Card, Cell, Folded, Grid, Page, Section, Table, Text, to_html
from gv_jax.evaluation.words import is_cost, is_share, shown, title
from gv_jax.training.run_folder import NO_SCORES, write_text


def write(study: Study) -> list[Variant]:
    """Writes all of it into the study's folder; the variants with what they reached."""
    variants = compare(study)
    lowest = floors(study)
    results = tables(study, variants, lowest)
    write_text(study.folder / "table.md", markdown(study, results))
    write_text(study.folder / "table.csv", raw(variants, study.metric))
    exhibits = draw(study, variants, lowest)
    write_text(study.folder / "report.html", to_html(page(study, variants, results, exhibits)))
    return variants


def draw(study: Study, variants: Sequence[Variant], lowest: Mapping[str, tuple[str, float]]) -> list[Exhibit]:
    """Every figure that the finished runs allow."""
    place = study.folder / "figures"
    place.mkdir(parents=True, exist_ok=True)
    metric = study.metric.split(".")[1]
    exhibits = []

    def drawn(figure: figures.Figure, name: str, section: str, heading: str, caption: str) -> None:
        figures.save(figure, place / f"{name}.png")
        exhibits.append(Exhibit(place / f"{name}.png", section, heading, caption))

    if any(variant.seeds for variant in variants):
        figure = charts.scores(variants, metric, {name: value for name, (_, value) in lowest.items()})
        drawn(figure, "scores", "results", title(metric), f"On {study.metric.split('.')[0]}, every seed.")
    if any(variant.against_seeds for variant in variants):
        figure = charts.differences(variants, metric, study.reference)
        drawn(figure, "differences", "results", f"Against {study.reference}", "95% intervals, not corrected.")
    for split, name in (*(("valid", name) for name in watched(study, metric)), ("train", "loss")):
        series = learning(study, split, name)
        if series:
            caption = "Mean over seeds; the band is one standard deviation."
            figure = charts.curves(series, list(study.variants), name, split)
            drawn(figure, f"curve_{split}_{name}", "learning", f"{title(name)}, {split}", caption)
    matrices = confusions(study)
    if study.reference in matrices and len(matrices) > 1:
        names = class_names(study)
        recalls = {name: metrics.normalised(matrix).diagonal() for name, matrix in matrices.items()}
        compared = [name for name in matrices if name != study.reference]
        gaps = np.stack([recalls[name] - recalls[study.reference] for name in compared], 1)
        caption = f"Recall less that of {study.reference}, points; mean over seeds."
        drawn(charts.classes(gaps, names, compared), "classes", "classes", "Every class", caption)
    for name, matrix in matrices.items():
        figure = figures.confusion(metrics.normalised(matrix), class_names(study), shares=True)
        drawn(figure, f"confusion_{name}", "confusion", name, "Rows are true classes, 100% each; all seeds together.")
    return exhibits


def watched(study: Study, metric: str) -> list[str]:
    """What is known of the validation split after every epoch: `metric` before all others, loss after them."""
    found = {name for variant in study.variants for run in finished(study, variant) for name in scores(run)}
    return sorted(found, key=lambda name: (name != metric, name == "loss", name))


def scores(run: Run) -> set[str]:
    return {name for row in run.folder.rows() if row["split"] == "valid" for name in row} - set(NO_SCORES)


def learning(study: Study, split: str, metric: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """variant -> (epochs [e], values [seeds e]); of the epochs that all its seeds have."""
    series = {}
    for variant in study.variants:
        tables = []
        for run in finished(study, variant):
            found = {row["epoch"]: row[metric] for row in run.folder.rows() if row["split"] == split and metric in row}
            tables.append(found)
        common = sorted(set.intersection(*map(set, tables))) if tables else []
        if common:
            series[variant] = np.array(common), np.array([[table[epoch] for epoch in common] for table in tables])
    return series


def confusions(study: Study) -> dict[str, np.ndarray]:
    """variant -> confusion matrix [k k], summed over its seeds; where runs are classifications."""
    found = {}
    for variant in study.variants:
        matrices = [(run.folder.results or {}).get("confusion") for run in finished(study, variant)]
        if matrices and all(matrices):
            found[variant] = np.sum([np.array(matrix) for matrix in matrices], 0)
    return found


def class_names(study: Study) -> list[str]:
    """In the order of the confusion matrices."""
    return (study.finished[0].folder.results or {})["classes"]


def finished(study: Study, variant: str) -> list[Run]:
    return [run for run in study.finished if run.variant == variant]


def page(study: Study, variants: Sequence[Variant], results: Sequence[Table], exhibits: Sequence[Exhibit]) -> Page:
    """The whole report."""
    metric = study.metric.split(".")[1]
    done = sum(len(variant.seeds) for variant in variants)
    headings = {"results": "Results", "learning": "Learning", "classes": "Every class", "confusion": "Confusion"}
    sections = [Section("Tables", list(results))]
    for name, heading in headings.items():
        items = [exhibit for exhibit in exhibits if exhibit.section == name]
        if items:
            sections.append(Section(heading, [Grid(items)]))
    failures = [(variant.name, seed, why) for variant in variants for seed, why in variant.failures]
    if failures:
        lines = [[Cell(f"{name}, seed {seed}"), Cell(why)] for name, seed, why in failures]
        sections.append(Section("Failed", [Table(("Run", "Why"), lines)]))
    sections.append(
        Section(
            "How it was run",
            [
                Text(study.question, code=True),
                how_table(study),
                Folded("Commands", "\n".join(run.typed for run in study.runs)),
            ],
        )
    )
    cards = []
    for variant in best_first(variants, metric)[:4]:
        assert variant.summary is not None
        share = variant.summary.mean if is_share(metric) else None
        cards.append(Card(variant.name, shown(metric, variant.summary.mean), spread(metric, variant.summary), share))
    return Page(
        kicker="Ablation · gv_jax",
        title=study.name,
        lead=" ".join(study.question.partition("\n\n")[0].split()),
        facts=[f"{len(variants)} variants", f"{study.seeds} seeds", f"{done} of {len(study.runs)} runs", device(study)],
        cards=cards,
        sections=sections,
    )


def best_first(variants: Sequence[Variant], metric: str) -> list[Variant]:
    """Those with results."""
    found = [(variant.summary.mean, variant) for variant in variants if variant.summary]
    return [variant for _, variant in sorted(found, key=lambda pair: pair[0], reverse=not is_cost(metric))]


def how_table(study: Study) -> Table:
    """What each variant changes."""
    lines = []
    for name, overrides in study.variants.items():
        changed = ", ".join(f"{field} = {value}" for field, value in overrides.items())
        lines.append([Cell(name), Cell(changed or "as in the config")])
    common = ", ".join(f"{field} = {value}" for field, value in study.common.items())
    return Table(("Variant", study.config), lines, f"Everywhere: {common}." if common else "")


def where(study: Study) -> Path:
    return study.folder / "report.html"
