"""The figures of an ablation's report, from the finished runs."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from gv_jax.ablation import charts
from gv_jax.ablation.comparison import VariantResult
from gv_jax.ablation.study import Ablation, file_stem
from gv_jax.evaluation.class_metrics import normalize_rows
from gv_jax.reporting.figures.charts import plot_confusion
from gv_jax.reporting.figures.report_figure import ReportFigure
from gv_jax.reporting.figures.style import save_figure
from gv_jax.reporting.formatting import heading
from gv_jax.training.run_dir import NON_METRICS

SECTIONS = {  # key -> title
    "results": "Results",
    "learning": "Learning curves",
    "classes": "Classes",
    "confusion": "Confusion matrices",
}

Drawn = tuple[str, Figure, str, str, str]  # file name, figure, section, title, caption


def draw_figures(
    ablation: Ablation,
    variants: Sequence[VariantResult],
    baselines: Mapping[str, tuple[str, float]],
) -> list[ReportFigure]:
    """Writes every figure that the finished runs allow into figures/.

    Args:
        ablation: the study.
        variants: results of `compare_variants`.
        baselines: results of `find_baselines`.
    """
    folder = ablation.folder / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    figures = []
    for drawings in (
        draw_results(ablation, variants, {name: value for name, (_, value) in baselines.items()}),
        draw_learning_curves(ablation),
        draw_classes(ablation),
    ):
        for name, figure, section, title, caption in drawings:
            save_figure(figure, folder / f"{name}.png")
            figures.append(ReportFigure(folder / f"{name}.png", section, title, caption))
    return figures


def draw_results(
    ablation: Ablation, variants: Sequence[VariantResult], baselines: Mapping[str, float]
) -> Iterator[Drawn]:
    """Metrics of all seeds and differences from the references."""
    metric = ablation.metric_name
    if any(variant.seeds for variant in variants):
        figure = charts.plot_scores(variants, metric, baselines)
        yield "scores", figure, "results", heading(metric), f"Every seed, {ablation.split} split."
    compared = {
        ablation.comparison_name(variant.name): variant
        for variant in variants
        if variant.diff_over_seeds
    }
    if compared:
        figure = charts.plot_differences(compared, metric, ablation.reference)
        title = f"Difference from {ablation.reference or 'the reference'}"
        yield "differences", figure, "results", title, "95 % confidence intervals, not corrected."


def draw_learning_curves(ablation: Ablation) -> Iterator[Drawn]:
    """Every validation metric and the training loss by epoch."""
    curves = [("valid", metric) for metric in validation_metrics(ablation)]
    for split, metric in [*curves, ("train", "loss")]:
        series = learning_curves(ablation, split, metric)
        if series:
            figure = charts.plot_learning_curves(series, list(ablation.variants), metric, split)
            caption = "Mean over seeds; the band is one standard deviation."
            title = f"{heading(metric)}, {split}"
            yield f"curve_{split}_{metric}", figure, "learning", title, caption


def draw_classes(ablation: Ablation) -> Iterator[Drawn]:
    """Differences of recall by class, and confusion matrices, of classifications."""
    matrices = sum_confusions(ablation)
    if not matrices:
        return
    classes = (ablation.finished[0].run_dir.results or {})["classes"]
    fractions = {name: normalize_rows(matrix) for name, matrix in matrices.items()}
    recall = {name: matrix.diagonal() for name, matrix in fractions.items()}
    differences = {
        ablation.comparison_name(name): recall[name] - recall[reference]
        for name, reference in ablation.references.items()
        if name in recall and reference in recall
    }
    if differences:
        columns = np.stack(list(differences.values()), 1)
        figure = charts.plot_class_differences(columns, classes, list(differences))
        reference = ablation.reference or "the reference"
        caption = f"Recall, difference from {reference} in percentage points, all seeds."
        yield "classes", figure, "classes", "Recall by class", caption
    for name, matrix in fractions.items():
        figure = plot_confusion(matrix, classes, fractions=True)
        caption = "Percent of each true class (row), all seeds."
        yield f"confusion_{file_stem(name)}", figure, "confusion", name, caption


def validation_metrics(ablation: Ablation) -> list[str]:
    """Logged metrics of the validation split: the ablation's metric first, the loss last."""
    rows = [row for run in ablation.finished for row in run.run_dir.rows()]
    names = {name for row in rows if row["split"] == "valid" for name in row} - set(NON_METRICS)
    return sorted(names, key=lambda name: (name != ablation.metric_name, name == "loss", name))


def learning_curves(
    ablation: Ablation, split: str, metric: str
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Variant -> (epochs [e] that all its seeds have, values [seeds e])."""
    series = {}
    for variant in ablation.variants:
        curves = [
            {
                row["epoch"]: row[metric]
                for row in run.run_dir.rows()
                if row["split"] == split and metric in row
            }
            for run in ablation.finished_of(variant)
        ]
        epochs = sorted(set.intersection(*map(set, curves))) if curves else []
        if epochs:
            values = np.array([[curve[epoch] for epoch in epochs] for curve in curves])
            series[variant] = np.array(epochs), values
    return series


def sum_confusions(ablation: Ablation) -> dict[str, np.ndarray]:
    """Variant -> confusion matrix [k k], summed over seeds; {} for other tasks."""
    totals = {}
    for variant in ablation.variants:
        results = [run.run_dir.results or {} for run in ablation.finished_of(variant)]
        matrices = [result.get("confusion") for result in results]
        if matrices and all(matrices):
            totals[variant] = np.sum([np.array(matrix) for matrix in matrices], 0)
    return totals
