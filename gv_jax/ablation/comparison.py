"""The finished runs of a study, variant by variant: scores, cost, and how each compares with the reference."""

import csv
import json
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
from gv_jax.ablation.study import Ablation, Run

OTHER_METRICS = (
    "balanced_accuracy",
    "macro_f1",
    "loss",
    "psnr",
    "ssim",
)  # also shown, where results.json has them


@dataclass(frozen=True)
class VariantResult:
    """What a variant reached. seeds: those that finished; values: the study's metric for each of them."""

    name: str
    seeds: tuple[int, ...]
    failures: tuple[tuple[int, str], ...]
    values: tuple[float, ...]
    summary: Summary | None
    others: dict[str, Summary]
    seconds: float
    images_per_second: float
    parameters: int
    against_seeds: Difference | None = None
    against_pictures: Difference | None = None
    p_seeds: float | None = None  # corrected by Holm's procedure
    p_pictures: float | None = None


def load_results(result: Mapping[str, Any]) -> int:
    """How many runs shared the training of this one."""
    return result["training"].get("together", 1)


def compare_variants(study: Ablation) -> list[VariantResult]:
    """Every variant of `study`, in its order."""
    finished = {
        name: [run for run in study.finished if run.variant == name] for name in study.variants
    }
    paired = {
        name: paired_differences(study, runs, finished[study.reference])
        for name, runs in finished.items()
    }
    others = [name for name in study.variants if name != study.reference]
    p_seeds = dict(
        zip(others, holm_correction([corrected_p(paired[name][0]) for name in others]), strict=True)
    )
    p_pictures = dict(
        zip(others, holm_correction([corrected_p(paired[name][1]) for name in others]), strict=True)
    )
    variants = []
    for name, runs in finished.items():
        split, metric = study.metric.split(".")
        results = [run.folder.results or {} for run in runs]
        values = tuple(run.value for run in runs)
        variants.append(
            VariantResult(
                name=name,
                seeds=tuple(run.seed for run in runs),
                failures=tuple(
                    (run.seed, run.failure)
                    for run in study.runs
                    if run.variant == name and run.failure
                ),
                values=values,
                summary=summarize(values) if values else None,
                others={
                    other: summarize([result[split][other] for result in results])
                    for other in OTHER_METRICS
                    if results and other != metric and other in results[0][split]
                },
                seconds=mean_or_none(
                    [result["timing"]["train_s"] / load_results(result) for result in results]
                ),
                images_per_second=mean_or_none(
                    [
                        images_per_second(run) * load_results(result)
                        for run, result in zip(runs, results, strict=True)
                    ]
                ),
                parameters=results[0]["parameters"]["total"] if results else 0,
                against_seeds=paired[name][0] if name != study.reference else None,
                against_pictures=paired[name][1] if name != study.reference else None,
                p_seeds=p_seeds.get(name),
                p_pictures=p_pictures.get(name),
            )
        )
    return variants


def paired_differences(
    study: Ablation, runs: Sequence[Run], reference: Sequence[Run]
) -> tuple[Difference | None, Difference | None]:
    """The differences over seeds and over pictures, of the seeds that both have."""
    split, metric = study.metric.split(".")
    theirs = {run.seed: run for run in reference}
    common = [(run, theirs[run.seed]) for run in runs if run.seed in theirs]
    if not common:
        return None, None
    values = [[run.value for run in pair] for pair in common]
    seeds = paired_t_test(*zip(*values, strict=True))
    ours, others = (
        [per_image_scores(run, split, metric) for run in side] for side in zip(*common, strict=True)
    )
    shared = sorted(set.intersection(*(set(table) for table in (*ours, *others))))
    if not shared:
        return seeds, None
    means = [
        np.mean([[table[name] for name in shared] for table in side], 0) for side in (ours, others)
    ]
    return seeds, paired_bootstrap(*means)


def per_image_scores(run: Run, split: str, metric: str) -> dict[str, float]:
    """The score of each picture of a split: its own value of `metric`, or whether its one label was right."""
    with (run.folder.path / "predictions.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == split]
    if rows and metric not in rows[0] and "confidence" in rows[0]:
        return {row["id"]: float(row["label"] == row["predicted"]) for row in rows}
    return {row["id"]: float(row[metric]) for row in rows if metric in row}


def corrected_p(difference: Difference | None) -> float | None:
    return None if difference is None else difference.p


def images_per_second(run: Run) -> float:
    """Training pictures per second, the median epoch."""
    return float(
        np.median(
            [row["images_per_second"] for row in run.folder.rows() if "images_per_second" in row]
        )
    )


def mean_or_none(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")


def find_baselines(study: Ablation) -> dict[str, tuple[str, float]]:
    """Of every variant that has finished runs the baseline's name, and its mean value of the metric over them.

    Variants have one floor where they are asked the same; not if they hold out other pictures, say.
    """
    split, metric = study.metric.split(".")
    found: dict[str, tuple[str, float]] = {}
    for variant in study.variants:
        results = [run.folder.results or {} for run in study.finished if run.variant == variant]
        values = [result.get("baseline", {}).get(split, {}).get(metric) for result in results]
        if values and None not in values:
            found[variant] = results[0]["baseline"]["name"], mean_or_none(values)
    return found


def device_name(study: Ablation) -> str:
    """What the runs ran on, from their configurations."""
    files = [run.folder.path / "config.json" for run in study.finished]
    return ", ".join(sorted({json.loads(file.read_text("utf-8"))["device"] for file in files}))
