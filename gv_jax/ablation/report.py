"""Writes table.csv, table.md, report.html and figures/ of an ablation."""

from collections.abc import Sequence

from gv_jax.ablation.comparison import VariantResult, compare_variants, device_names, find_baselines
from gv_jax.ablation.figures import SECTIONS, draw_figures
from gv_jax.ablation.study import Ablation
from gv_jax.ablation.table import format_mean_std, make_tables, to_csv, to_markdown_tables
from gv_jax.evaluation.metrics import is_fraction, lower_is_better
from gv_jax.reporting.figures.report_figure import ReportFigure
from gv_jax.reporting.formatting import format_value
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
from gv_jax.training.run_dir import write_text
from gv_jax.wording import count_noun

MAX_VARIANT_CARDS = 4


def write_ablation_report(ablation: Ablation) -> list[VariantResult]:
    """Writes the files into the folder of the ablation and returns the results of the variants."""
    variants, baselines = compare_variants(ablation), find_baselines(ablation)
    tables = make_tables(ablation, variants, baselines)
    write_text(ablation.folder / "table.md", to_markdown_tables(ablation, tables))
    write_text(ablation.folder / "table.csv", to_csv(variants, ablation.metric))
    figures = draw_figures(ablation, variants, baselines)
    write_text(ablation.report, to_html(ablation_page(ablation, variants, tables, figures)))
    return variants


def ablation_page(
    ablation: Ablation,
    variants: Sequence[VariantResult],
    tables: Sequence[Table],
    figures: Sequence[ReportFigure],
) -> Page:
    """The report.

    Args:
        ablation: the study.
        variants: its results.
        tables: of `make_tables`.
        figures: of `draw_figures`.
    """
    sections = [Section("Tables", list(tables))]
    for key, title in SECTIONS.items():
        items = [figure for figure in figures if figure.section == key]
        if items:
            sections.append(Section(title, [Grid(items)]))
    failures = [
        [Cell(f"{variant.name}, seed {seed}"), Cell(error)]
        for variant in variants
        for seed, error in variant.failures
    ]
    if failures:
        sections.append(Section("Failed runs", [Table(("Run", "Error"), failures)]))
    commands = "\n".join(run.shell_command for run in ablation.runs)
    setup = [
        Text(ablation.description, code=True),
        overrides_table(ablation),
        Details("Commands", commands),
    ]
    sections.append(Section("Setup", setup))
    num_finished = sum(len(variant.seeds) for variant in variants)
    return Page(
        eyebrow="Ablation · gv_jax",
        title=ablation.name,
        summary=" ".join(ablation.description.partition("\n\n")[0].split()),
        facts=[
            count_noun(len(variants), "variant"),
            count_noun(ablation.seeds, "seed"),
            f"{num_finished} of {count_noun(len(ablation.runs), 'run')} finished",
            device_names(ablation),
        ],
        cards=variant_cards(variants, ablation.metric_name),
        sections=sections,
    )


def variant_cards(variants: Sequence[VariantResult], metric: str) -> list[MetricCard]:
    """Cards of the best variants."""
    cards = []
    for variant in sort_by_metric(variants, metric)[:MAX_VARIANT_CARDS]:
        assert variant.summary is not None
        mean = variant.summary.mean
        fraction = mean if is_fraction(metric) else None
        note = format_mean_std(metric, variant.summary)
        cards.append(MetricCard(variant.name, format_value(metric, mean), note, fraction))
    return cards


def sort_by_metric(variants: Sequence[VariantResult], metric: str) -> list[VariantResult]:
    """The variants with results, best first."""
    return sorted(
        (variant for variant in variants if variant.summary),
        key=lambda variant: variant.summary.mean if variant.summary else 0.0,
        reverse=not lower_is_better(metric),
    )


def overrides_table(ablation: Ablation) -> Table:
    """The overrides of each variant, and those of all variants."""

    def show(overrides: dict[str, object]) -> str:
        return ", ".join(f"{field} = {value}" for field, value in overrides.items())

    rows = [
        [Cell(name), Cell(show(dict(overrides)) or "as in the config")]
        for name, overrides in ablation.variants.items()
    ]
    common = show(dict(ablation.overrides))
    return Table(("Variant", ablation.config), rows, f"All variants: {common}." if common else "")
