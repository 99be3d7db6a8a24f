"""table.csv, table.md, report.html and figures/ of a study."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from gv_jax.ablation import charts as ablation_charts
from gv_jax.ablation.comparison import VariantResult, compare_variants, device_name, find_baselines
from gv_jax.ablation.study import Ablation, Run
from gv_jax.ablation.table import format_mean_std, make_tables, to_csv, to_markdown_rows
from gv_jax.evaluation import class_metrics
from gv_jax.reporting.figures import charts
from gv_jax.reporting.figures.charts import ReportFigure
from gv_jax.reporting.formatting import format_value, heading, is_fraction, lower_is_better
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
from gv_jax.training.run_dir import NON_METRICS, write_text


def write_ablation_report(study: Ablation) -> list[VariantResult]:
    """Writes all of it into the study's folder; the variants with what they reached."""
    variants = compare_variants(study)
    lowest = find_baselines(study)
    results = make_tables(study, variants, lowest)
    write_text(study.folder / "table.md", to_markdown_rows(study, results))
    write_text(study.folder / "table.csv", to_csv(variants, study.metric))
    exhibits = draw_figures(study, variants, lowest)
    write_text(
        study.folder / "report.html", to_html(ablation_page(study, variants, results, exhibits))
    )
    return variants


def draw_figures(
    study: Ablation, variants: Sequence[VariantResult], lowest: Mapping[str, tuple[str, float]]
) -> list[ReportFigure]:
    """Every figure that the finished runs allow."""
    place = study.folder / "figures"
    place.mkdir(parents=True, exist_ok=True)
    metric = study.metric.split(".")[1]
    exhibits = []

    def drawn(figure: charts.Figure, name: str, section: str, heading: str, caption: str) -> None:
        charts.save_figure(figure, place / f"{name}.png")
        exhibits.append(ReportFigure(place / f"{name}.png", section, heading, caption))

    if any(variant.seeds for variant in variants):
        figure = ablation_charts.plot_scores(
            variants, metric, {name: value for name, (_, value) in lowest.items()}
        )
        drawn(
            figure,
            "scores",
            "results",
            heading(metric),
            f"On {study.metric.split('.')[0]}, every seed.",
        )
    if any(variant.against_seeds for variant in variants):
        figure = ablation_charts.plot_differences(variants, metric, study.reference)
        drawn(
            figure,
            "differences",
            "results",
            f"Against {study.reference}",
            "95% intervals, not corrected.",
        )
    for split, name in (
        *(("valid", name) for name in monitored_metric(study, metric)),
        ("train", "loss"),
    ):
        series = learning_section(study, split, name)
        if series:
            caption = "Mean over seeds; the band is one standard deviation."
            figure = ablation_charts.plot_learning_curves(series, list(study.variants), name, split)
            drawn(figure, f"curve_{split}_{name}", "learning", f"{heading(name)}, {split}", caption)
    matrices = confusions_section(study)
    if study.reference in matrices and len(matrices) > 1:
        names = class_names(study)
        recalls = {
            name: class_metrics.normalize_rows(matrix).diagonal()
            for name, matrix in matrices.items()
        }
        compared = [name for name in matrices if name != study.reference]
        gaps = np.stack([recalls[name] - recalls[study.reference] for name in compared], 1)
        caption = f"Recall less that of {study.reference}, points; mean over seeds."
        drawn(
            ablation_charts.plot_class_differences(gaps, names, compared),
            "classes",
            "classes",
            "Every class",
            caption,
        )
    for name, matrix in matrices.items():
        figure = charts.plot_confusion(
            class_metrics.normalize_rows(matrix), class_names(study), shares=True
        )
        drawn(
            figure,
            f"confusion_{name}",
            "confusion",
            name,
            "Rows are true classes, 100% each; all seeds together.",
        )
    return exhibits


def monitored_metric(study: Ablation, metric: str) -> list[str]:
    """What is known of the validation split after every epoch: `metric` before all others, loss after them."""
    found = {
        name
        for variant in study.variants
        for run in finished_results(study, variant)
        for name in scores_section(run)
    }
    return sorted(found, key=lambda name: (name != metric, name == "loss", name))


def scores_section(run: Run) -> set[str]:
    return {name for row in run.folder.rows() if row["split"] == "valid" for name in row} - set(
        NON_METRICS
    )


def learning_section(
    study: Ablation, split: str, metric: str
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """variant -> (epochs [e], values [seeds e]); of the epochs that all its seeds have."""
    series = {}
    for variant in study.variants:
        tables = []
        for run in finished_results(study, variant):
            found = {
                row["epoch"]: row[metric]
                for row in run.folder.rows()
                if row["split"] == split and metric in row
            }
            tables.append(found)
        common = sorted(set.intersection(*map(set, tables))) if tables else []
        if common:
            series[variant] = (
                np.array(common),
                np.array([[table[epoch] for epoch in common] for table in tables]),
            )
    return series


def confusions_section(study: Ablation) -> dict[str, np.ndarray]:
    """variant -> confusion matrix [k k], summed over its seeds; where runs are classifications."""
    found = {}
    for variant in study.variants:
        matrices = [
            (run.folder.results or {}).get("confusion") for run in finished_results(study, variant)
        ]
        if matrices and all(matrices):
            found[variant] = np.sum([np.array(matrix) for matrix in matrices], 0)
    return found


def class_names(study: Ablation) -> list[str]:
    """In the order of the confusion matrices."""
    return (study.finished[0].folder.results or {})["classes"]


def finished_results(study: Ablation, variant: str) -> list[Run]:
    return [run for run in study.finished if run.variant == variant]


def ablation_page(
    study: Ablation,
    variants: Sequence[VariantResult],
    results: Sequence[Table],
    exhibits: Sequence[ReportFigure],
) -> Page:
    """The whole report."""
    metric = study.metric.split(".")[1]
    done = sum(len(variant.seeds) for variant in variants)
    headings = {
        "results": "Results",
        "learning": "Learning",
        "classes": "Every class",
        "confusion": "Confusion",
    }
    sections = [Section("Tables", list(results))]
    for name, section_title in headings.items():
        items = [exhibit for exhibit in exhibits if exhibit.section == name]
        if items:
            sections.append(Section(section_title, [Grid(items)]))
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
                Details("Commands", "\n".join(run.typed for run in study.runs)),
            ],
        )
    )
    cards = []
    for variant in sort_by_score(variants, metric)[:4]:
        assert variant.summary is not None
        share = variant.summary.mean if is_fraction(metric) else None
        cards.append(
            MetricCard(
                variant.name,
                format_value(metric, variant.summary.mean),
                format_mean_std(metric, variant.summary),
                share,
            )
        )
    return Page(
        kicker="Ablation · gv_jax",
        title=study.name,
        lead=" ".join(study.question.partition("\n\n")[0].split()),
        facts=[
            f"{len(variants)} variants",
            f"{study.seeds} seeds",
            f"{done} of {len(study.runs)} runs",
            device_name(study),
        ],
        cards=cards,
        sections=sections,
    )


def sort_by_score(variants: Sequence[VariantResult], metric: str) -> list[VariantResult]:
    """Those with results."""
    found = [(variant.summary.mean, variant) for variant in variants if variant.summary]
    return [
        variant
        for _, variant in sorted(
            found, key=lambda pair: pair[0], reverse=not lower_is_better(metric)
        )
    ]


def how_table(study: Ablation) -> Table:
    """What each variant changes."""
    lines = []
    for name, overrides in study.variants.items():
        changed = ", ".join(f"{field} = {value}" for field, value in overrides.items())
        lines.append([Cell(name), Cell(changed or "as in the config")])
    common = ", ".join(f"{field} = {value}" for field, value in study.common.items())
    return Table(("Variant", study.config), lines, f"Everywhere: {common}." if common else "")


def machine_text(study: Ablation) -> Path:
    return study.folder / "report.html"
