"""The tables of an ablation: as in a paper, as Markdown, and as unrounded CSV."""

import csv
import io
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

from gv_jax.ablation.comparison import VariantResult, device_names
from gv_jax.ablation.paired_tests import Difference, Summary
from gv_jax.ablation.study import Ablation
from gv_jax.evaluation.metrics import is_fraction
from gv_jax.reporting.formatting import (
    NO_VALUE,
    format_duration,
    format_markdown_table,
    format_value,
    heading,
)
from gv_jax.reporting.page import Cell, Table
from gv_jax.wording import count_noun

SCORES_CAPTION = (
    "Mean ± standard deviation [95 % confidence interval, Student's t] over seeds. Intervals of "
    "percentages are clipped to 0 to 100 %."
)
MIN_SEEDS = 3  # with two, the half-width of an interval is nine standard deviations
FEW_SEEDS_NOTE = (
    f" Fewer than {MIN_SEEDS} seeds: there is no interval over seeds, or a very wide one; give "
    f"--seeds={MIN_SEEDS} or more."
)
COMPARISONS_CAPTION = (
    "Paired differences [95 % confidence interval; of percentages at most ±100 points]. Over "
    "seeds: Student's paired t-test, for other seeds; with few seeds only large differences are "
    "significant. Over images: paired bootstrap of the {split} images (10,000 resamples), for "
    "other images. p with Holm's correction for {comparisons}."
)
COSTS_CAPTION = (
    "Training: mean time over seeds, with validation. Images/s: training images of all seeds by "
    "their training time. Runs that were trained in one program have equal parts of its time."
)
CSV_DIFFERENCE = ("difference", "low", "high", "p", "p_holm")


def make_tables(
    ablation: Ablation,
    variants: Sequence[VariantResult],
    baselines: Mapping[str, tuple[str, float]],
) -> list[Table]:
    """The tables of metrics, differences from the reference, and cost.

    Args:
        ablation: the study.
        variants: results of `compare_variants`.
        baselines: results of `find_baselines`.
    """
    return [
        scores_table(ablation, variants, baselines),
        comparisons_table(ablation, variants),
        costs_table(variants),
    ]


def scores_table(
    ablation: Ablation,
    variants: Sequence[VariantResult],
    baselines: Mapping[str, tuple[str, float]],
) -> Table:
    """Metrics of every variant, then the baselines."""
    metric = ablation.metric_name
    others = list(dict.fromkeys(name for variant in variants for name in variant.others))
    rows = []
    for variant in variants:
        fraction = variant.summary.mean if variant.summary and is_fraction(metric) else None
        failed = f", {len(variant.failures)} failed" if variant.failures else ""
        rows.append(
            [
                Cell(variant.name),
                Cell(format_mean_std(metric, variant.summary), numeric=True, fraction=fraction),
                *(
                    Cell(format_mean_std(name, variant.others.get(name)), numeric=True)
                    for name in others
                ),
                Cell(f"{len(variant.seeds)}{failed}", numeric=True),
            ]
        )
    for name, value in baseline_rows(metric, baselines).items():
        rows.append([Cell(name), Cell(value, numeric=True), *[Cell("")] * (len(others) + 1)])
    header = ("Variant", heading(metric), *map(heading, others), "Seeds")
    is_few = any(0 < len(variant.seeds) < MIN_SEEDS for variant in variants)
    return Table(header, rows, SCORES_CAPTION + (FEW_SEEDS_NOTE if is_few else ""))


def baseline_rows(metric: str, baselines: Mapping[str, tuple[str, float]]) -> dict[str, str]:
    """Label -> value of each distinct baseline; labels name the variants if there are several."""
    variants: dict[tuple[str, str], list[str]] = defaultdict(list)
    for variant, (name, value) in baselines.items():
        variants[name, format_value(metric, value)].append(variant)
    suffixes = {key: f" ({', '.join(names)})" for key, names in variants.items()}
    return {
        f"baseline: {name}" + (suffixes[name, value] if len(variants) > 1 else ""): value
        for name, value in variants
    }


def comparisons_table(ablation: Ablation, variants: Sequence[VariantResult]) -> Table:
    """Differences of variants from their references."""
    metric = ablation.metric_name
    compared = [variant for variant in variants if variant.reference]
    rows = [
        [
            Cell(ablation.comparison_name(variant.name)),
            Cell(format_difference(metric, variant.diff_over_seeds), numeric=True),
            Cell(format_p(variant.p_over_seeds), numeric=True),
            Cell(format_difference(metric, variant.diff_over_images), numeric=True),
            Cell(format_p(variant.p_over_images), numeric=True),
        ]
        for variant in compared
    ]
    caption = COMPARISONS_CAPTION.format(
        comparisons=count_noun(len(compared), "comparison"), split=ablation.split
    )
    subject = f"Difference from {ablation.reference}" if ablation.reference else "Difference"
    header = (subject, "Over seeds", "p", "Over images", "p")
    return Table(header, rows, caption)


def costs_table(variants: Sequence[VariantResult]) -> Table:
    """Parameters, training time and speed."""
    rows = [
        [
            Cell(variant.name),
            Cell(f"{variant.parameters:,}", numeric=True),
            Cell(format_duration(variant.seconds), numeric=True),
            Cell(format_value("images_per_second", speed_of(variant)), numeric=True),
        ]
        for variant in variants
        if variant.seeds
    ]
    return Table(("Cost", "Parameters", "Training", "Images/s"), rows, COSTS_CAPTION)


def speed_of(variant: VariantResult) -> float | None:
    """Images per second; None if unknown."""
    return variant.images_per_second if math.isfinite(variant.images_per_second) else None


def format_mean_std(metric: str, summary: Summary | None) -> str:
    """ "76.6 % ± 0.4 [75.7, 77.5]": mean, standard deviation, 95 % confidence interval."""
    if summary is None:
        return NO_VALUE
    text = format_value(metric, summary.mean)
    if summary.std is None or summary.low is None or summary.high is None:
        return text
    low, high = summary.low, summary.high
    if is_fraction(metric):
        return f"{text} ± {100 * summary.std:.1f} [{100 * low:.1f}, {100 * high:.1f}]"
    return f"{text} ± {summary.std:.2g} [{low:.3g}, {high:.3g}]"


def format_difference(metric: str, difference: Difference | None) -> str:
    """ "+1.8 [-0.2, +3.8]"; fractions in percentage points."""
    if difference is None:
        return NO_VALUE
    scale, spec = (100, "+.1f") if is_fraction(metric) else (1, "+.3g")
    text = format(scale * difference.mean, spec)
    if difference.low is None or difference.high is None:
        return text
    low, high = (format(scale * bound, spec) for bound in (difference.low, difference.high))
    return f"{text} [{low}, {high}]"


def format_p(p: float | None) -> str:
    if p is None:
        return NO_VALUE
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def to_markdown_tables(ablation: Ablation, tables: Sequence[Table]) -> str:
    """The description and the tables as Markdown."""
    parts = [f"# {ablation.name}", ablation.description]
    for table in tables:
        rows = [[cell.text for cell in row] for row in table.rows]
        parts += [format_markdown_table(table.header, rows), table.caption]
    return "\n\n".join([*parts, f"Device: {device_names(ablation) or 'none yet'}."]) + "\n"


def to_csv(variants: Sequence[VariantResult], metric: str) -> str:
    """The unrounded numbers, one row for each variant; `metric` is the full name."""
    columns = ["variant", "metric", "seeds", "failed", "mean", "std", "low", "high", "per_seed"]
    columns += [
        "reference",
        *(f"{name}_{kind}" for kind in ("seeds", "images") for name in CSV_DIFFERENCE),
    ]
    columns += ["parameters", "train_seconds", "images_per_second"]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for variant in variants:
        summary = variant.summary
        row: list[object] = [variant.name, metric, len(variant.seeds), len(variant.failures)]
        row += [summary.mean, summary.std, summary.low, summary.high] if summary else [None] * 4
        row += [" ".join(map(str, variant.values)), variant.reference]
        for difference, p_holm in (
            (variant.diff_over_seeds, variant.p_over_seeds),
            (variant.diff_over_images, variant.p_over_images),
        ):
            row += (
                [difference.mean, difference.low, difference.high, difference.p, p_holm]
                if difference
                else [None] * len(CSV_DIFFERENCE)
            )
        writer.writerow([*row, variant.parameters, variant.seconds, variant.images_per_second])
    return text.getvalue()
