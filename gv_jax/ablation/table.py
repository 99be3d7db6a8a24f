"""The table of a study, as a paper would print it, as Markdown and as unrounded numbers."""

import csv
import io
from collections import defaultdict
from collections.abc import Mapping, Sequence

from gv_jax.ablation.comparison import VariantResult, device_name
from gv_jax.ablation.paired_tests import Difference, Summary
from gv_jax.ablation.study import Ablation
from gv_jax.reporting.formatting import format_duration, format_value, heading, is_fraction
from gv_jax.reporting.page import Cell, Table

DASH = "\N{EN DASH}"
SCORE_CAPTION = "Mean ± standard deviation and [95% interval] (Student's t) over seeds."
COMPARISON_CAPTION = (
    "Paired differences with 95% intervals. Over seeds: Student's t-test, which asks whether other seeds would say so; "
    "few seeds show only large differences. Over pictures: a bootstrap of the {split} pictures (10,000 resamples), "
    "which asks whether other pictures would. p is corrected for {count} comparison{s} by Holm's procedure."
)


def make_tables(
    study: Ablation, variants: Sequence[VariantResult], floors: Mapping[str, tuple[str, float]]
) -> list[Table]:
    """What every variant reached, how it compares with the reference, and what it cost. floors: see `comparison`."""
    return [
        scores_table(study, variants, floors),
        comparisons_table(study, variants),
        costs_table(variants),
    ]


def scores_table(
    study: Ablation, variants: Sequence[VariantResult], floors: Mapping[str, tuple[str, float]]
) -> Table:
    metric = study.metric.split(".")[1]
    others = list(dict.fromkeys(name for variant in variants for name in variant.others))
    lines = []
    for variant in variants:
        share = variant.summary.mean if variant.summary and is_fraction(metric) else None
        failed = f", {len(variant.failures)} failed" if variant.failures else ""
        line = [
            Cell(variant.name),
            Cell(format_mean_std(metric, variant.summary), number=True, share=share),
        ]
        line += [
            Cell(format_mean_std(name, variant.others.get(name)), number=True) for name in others
        ]
        lines.append([*line, Cell(f"{len(variant.seeds)}{failed}", number=True)])
    for name, value in baseline_rows(metric, floors).items():
        lines.append([Cell(name), Cell(value, number=True), *[Cell("")] * len(others), Cell("")])
    return Table(("Variant", heading(metric), *map(heading, others), "Seeds"), lines, SCORE_CAPTION)


def baseline_rows(metric: str, floors: Mapping[str, tuple[str, float]]) -> dict[str, str]:
    """A line for each of the floors that differ, with the variants that have it where there are several."""
    sharing: dict[tuple[str, str], list[str]] = defaultdict(list)
    for variant, (name, value) in floors.items():
        sharing[name, format_value(metric, value)].append(variant)
    several = len(sharing) > 1
    return {
        f"floor: {name}" + (f" ({', '.join(variants)})" if several else ""): value
        for (name, value), variants in sharing.items()
    }


def comparisons_table(study: Ablation, variants: Sequence[VariantResult]) -> Table:
    metric, others = (
        study.metric.split(".")[1],
        [variant for variant in variants if variant.name != study.reference],
    )
    lines = [
        [
            Cell(variant.name),
            Cell(format_difference(metric, variant.against_seeds), number=True),
            Cell(format_p(variant.p_seeds), number=True),
            Cell(format_difference(metric, variant.against_pictures), number=True),
            Cell(format_p(variant.p_pictures), number=True),
        ]
        for variant in others
    ]
    caption = COMPARISON_CAPTION.format(
        count=len(others), s="" if len(others) == 1 else "s", split=study.metric.split(".")[0]
    )
    return Table(
        (f"Against {study.reference}", "Over seeds", "p", "Over pictures", "p"), lines, caption
    )


def costs_table(variants: Sequence[VariantResult]) -> Table:
    lines = [
        [
            Cell(variant.name),
            Cell(f"{variant.parameters:,}", number=True),
            Cell(format_duration(variant.seconds), number=True),
            Cell(f"{variant.images_per_second:,.0f}", number=True),
        ]
        for variant in variants
        if variant.seeds
    ]
    return Table(
        ("Cost", "Parameters", "Training", "Images/s"),
        lines,
        "Means over seeds; pictures per second in training. Of runs trained together, the share of each.",
    )


def format_mean_std(name: str, summary: Summary | None) -> str:
    """ "76.6% ± 0.4 [75.7, 77.5]": mean, standard deviation, 95 % interval."""
    if summary is None:
        return DASH
    if summary.deviation is None or summary.half_width is None:
        return format_value(name, summary.mean)
    low, high = summary.mean - summary.half_width, summary.mean + summary.half_width
    if is_fraction(name):
        return f"{format_value(name, summary.mean)} ± {100 * summary.deviation:.1f} [{100 * low:.1f}, {100 * high:.1f}]"
    return f"{format_value(name, summary.mean)} ± {summary.deviation:.2g} [{low:.3g}, {high:.3g}]"


def format_difference(name: str, difference: Difference | None) -> str:
    """ "+1.8 [-0.2, +3.8]"; shares in points."""
    if difference is None:
        return DASH
    scale, form = (100, "+.1f") if is_fraction(name) else (1, "+.3g")
    if difference.low is None or difference.high is None:
        return format(scale * difference.mean, form)
    return (
        f"{format(scale * difference.mean, form)} [{format(scale * difference.low, form)}, "
        f"{format(scale * difference.high, form)}]"
    )


def format_p(p: float | None) -> str:
    return DASH if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}"


def to_markdown_rows(study: Ablation, found: Sequence[Table]) -> str:
    """The tables below the question."""
    parts = [f"# {study.name}", study.question]
    for table in found:
        lines = [
            table.head,
            ["---", *["--:"] * (len(table.head) - 1)],
            *([cell.text for cell in row] for row in table.rows),
        ]
        parts += ["\n".join(f"| {' | '.join(line)} |" for line in lines), table.caption]
    return "\n\n".join([*parts, f"Runs on {device_name(study) or 'no device yet'}."]) + "\n"


def to_csv(variants: Sequence[VariantResult], metric: str) -> str:
    """The numbers unrounded, one row for each variant."""
    text = io.StringIO()
    fields = ["variant", "seeds", "failed", metric, "deviation", "half_width", "per_seed"]
    fields += [
        f"{kind}_{name}"
        for kind in ("seeds", "pictures")
        for name in ("difference", "low", "high", "p", "p_holm")
    ]
    fields += ["parameters", "train_seconds", "images_per_second"]
    sheet = csv.writer(text, lineterminator="\n")
    sheet.writerow(fields)
    for variant in variants:
        summary = variant.summary
        found = [] if summary is None else [summary.mean, summary.deviation, summary.half_width]
        row = [variant.name, len(variant.seeds), len(variant.failures), *(found or [None] * 3)]
        row.append(" ".join(map(str, variant.values)))
        for difference, p in (
            (variant.against_seeds, variant.p_seeds),
            (variant.against_pictures, variant.p_pictures),
        ):
            row += (
                [None] * 5
                if difference is None
                else [difference.mean, difference.low, difference.high, difference.p, p]
            )
        sheet.writerow([*row, variant.parameters, variant.seconds, variant.images_per_second])
    return text.getvalue()
