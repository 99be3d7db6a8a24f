"""The finished runs of an ablation by variant: metrics, cost, differences from the reference."""

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gv_jax.ablation.paired_tests import (
    Difference,
    Summary,
    holm_correction,
    paired_bootstrap,
    paired_t_test,
    summarize,
)
from gv_jax.ablation.study import Ablation, AblationRun
from gv_jax.errors import UserError
from gv_jax.evaluation.metrics import value_limits

OTHER_METRICS = ("balanced_accuracy", "macro_f1", "loss", "psnr", "ssim")  # shown if available


@dataclass(frozen=True)
class VariantResult:
    """Results of a variant.

    Attributes:
        name: of the variant.
        seeds: of its finished runs.
        failures: (seed, error) of its failed runs.
        values: the ablation's metric of each finished run.
        summary: of `values`; None without finished runs.
        others: summaries of OTHER_METRICS.
        seconds: mean training time of a run, in seconds.
        images_per_second: training images of all runs by their training time; NaN if unknown.
        parameters: number of parameters.
        reference: the variant with which it is compared; "" if with none.
        diff_over_seeds: difference from the reference, paired by seed.
        diff_over_images: difference from the reference, paired by image.
        p_over_seeds: p-value of the former with Holm's correction.
        p_over_images: p-value of the latter with Holm's correction.
    """

    name: str
    seeds: tuple[int, ...]
    failures: tuple[tuple[int, str], ...]
    values: tuple[float, ...]
    summary: Summary | None
    others: dict[str, Summary]
    seconds: float
    images_per_second: float
    parameters: int
    reference: str = ""
    diff_over_seeds: Difference | None = None
    diff_over_images: Difference | None = None
    p_over_seeds: float | None = None
    p_over_images: float | None = None


def compare_variants(ablation: Ablation) -> list[VariantResult]:
    """The results of every variant, in the order of the ablation."""
    finished = {name: ablation.finished_of(name) for name in ablation.variants}
    compared = [name for name in ablation.variants if name in ablation.references]
    pairs = {
        name: paired_differences(ablation, finished[name], finished[ablation.references[name]])
        for name in compared
    }
    p_over_seeds, p_over_images = (
        holm_correction([diff.p if diff else None for diff in diffs])
        for diffs in (
            [over_seeds for over_seeds, _ in pairs.values()],
            [over_images for _, over_images in pairs.values()],
        )
    )
    corrected = dict(zip(compared, zip(p_over_seeds, p_over_images, strict=True), strict=True))
    return [
        variant_result(
            ablation, name, runs, pairs.get(name, (None, None)), corrected.get(name, (None, None))
        )
        for name, runs in finished.items()
    ]


def variant_result(
    ablation: Ablation,
    name: str,
    runs: Sequence[AblationRun],
    differences: tuple[Difference | None, Difference | None],
    p_values: tuple[float | None, float | None],
) -> VariantResult:
    """The results of one variant.

    Args:
        ablation: the study.
        name: of the variant.
        runs: its finished runs.
        differences: from its reference over seeds and over images; None without one.
        p_values: the corrected p-values of `differences`.
    """
    results = [run.run_dir.results or {} for run in runs]
    values = tuple(run.value for run in runs)
    sizes = [program_size(result) for result in results]
    seconds = [result["timing"]["train_s"] for result in results]
    times = [time / size for time, size in zip(seconds, sizes, strict=True)]
    return VariantResult(
        name=name,
        seeds=tuple(run.seed for run in runs),
        failures=tuple(
            (run.seed, run.failure) for run in ablation.runs if run.variant == name and run.failure
        ),
        values=values,
        summary=summarize(values, value_limits(ablation.metric)) if values else None,
        others=summarize_others(ablation, results),
        seconds=mean_or_nan(times),
        images_per_second=sum(map(count_training_images, runs)) / (sum(times) or math.nan),
        parameters=results[0]["parameters"]["total"] if results else 0,
        reference=ablation.references.get(name, ""),
        diff_over_seeds=differences[0],
        diff_over_images=differences[1],
        p_over_seeds=p_values[0],
        p_over_images=p_values[1],
    )


def summarize_others(
    ablation: Ablation, results: Sequence[Mapping[str, Any]]
) -> dict[str, Summary]:
    """Summaries of those of OTHER_METRICS that the results have, without the ablation's metric."""
    metrics = [result[ablation.split] for result in results]
    names = [name for name in OTHER_METRICS if metrics and name in metrics[0]]
    return {
        name: summarize([values[name] for values in metrics], value_limits(name))
        for name in names
        if name != ablation.metric_name
    }


def program_size(result: Mapping[str, Any]) -> int:
    """The number of runs that were trained in one program with this one, itself included."""
    return result["training"].get("runs_in_program", 1)


def paired_differences(
    ablation: Ablation, runs: Sequence[AblationRun], reference: Sequence[AblationRun]
) -> tuple[Difference | None, Difference | None]:
    """The differences over seeds and over images, on the seeds that both have."""
    by_seed = {run.seed: run for run in reference}
    pairs = [(run, by_seed[run.seed]) for run in runs if run.seed in by_seed]
    if not pairs:
        return None, None
    own, other = zip(*pairs, strict=True)
    low, high = value_limits(ablation.metric)
    over_seeds = paired_t_test(
        [run.value for run in own], [run.value for run in other], (low - high, high - low)
    )
    own_scores, other_scores = (
        [per_image_scores(run, ablation.split, ablation.metric_name) for run in side]
        for side in (own, other)
    )
    shared = sorted(set.intersection(*map(set, own_scores + other_scores)))
    if not shared:
        return over_seeds, None
    own_means, other_means = (
        np.mean([[scores[image] for image in shared] for scores in side], 0)
        for side in (own_scores, other_scores)
    )
    return over_seeds, paired_bootstrap(own_means, other_means)


def per_image_scores(run: AblationRun, split: str, metric: str) -> dict[str, float]:
    """Image id -> its metric, or whether its class is predicted correctly."""
    file = run.run_dir.path / "predictions.csv"
    if not file.exists():
        raise UserError(
            f"{run.run_dir.path} is an incomplete copy of a run: {file.name} is missing; copy the "
            "whole folder again, or remove it to train the run again"
        )
    with file.open(encoding="utf-8", newline="") as content:
        rows = [row for row in csv.DictReader(content) if row.get("split") == split]
    if rows and metric not in rows[0] and "confidence" in rows[0]:
        return {row["id"]: float(row["label"] == row["predicted"]) for row in rows}
    return {row["id"]: float(row[metric]) for row in rows if metric in row}


def count_training_images(run: AblationRun) -> float:
    """Number of images that the run was trained on, repetitions counted; NaN if unknown."""
    results, config = run.run_dir.results or {}, run.run_dir.config
    training = results["training"]
    if "method" in training:  # of a probe: each image once, and once mirrored
        return results["train"].get("count", math.nan) * (2 if config["probe"]["flip"] else 1)
    return training.get("last_step", math.nan) * config["train"]["batch_size"]


def mean_or_nan(values: Sequence[float]) -> float:
    """The mean; NaN of no values."""
    return float(np.mean(values)) if values else float("nan")


def find_baselines(ablation: Ablation) -> dict[str, tuple[str, float]]:
    """Variant -> name of its baseline and the baseline's metric, mean over finished runs.

    Variants can have different baselines, for example if they hold out other images.
    """
    baselines: dict[str, tuple[str, float]] = {}
    for variant in ablation.variants:
        results = [run.run_dir.results or {} for run in ablation.finished_of(variant)]
        values = [
            result.get("baseline", {}).get(ablation.split, {}).get(ablation.metric_name)
            for result in results
        ]
        if values and None not in values:
            baselines[variant] = results[0]["baseline"]["name"], mean_or_nan(values)
    return baselines


def device_names(ablation: Ablation) -> str:
    """The devices of the finished runs, from their config.json."""
    return ", ".join(sorted({run.run_dir.metadata["device"] for run in ablation.finished}))
