"""Generates images with the network of a run, as `gv-jax generate` does, and measures them."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from gv_jax.data.arrays import Dataset, Split
from gv_jax.evaluation.generation.evaluation import (
    GeneratedSamples,
    GenerationEvaluation,
    add_samples,
)
from gv_jax.evaluation.generation.image_features import load_embed
from gv_jax.evaluation.generation.measure import LabeledImages, measure_samples
from gv_jax.inference.finished_run import LoadedNetwork
from gv_jax.inference.generation.generator import Generator, Sampling
from gv_jax.inference.generation.proportions import divide_in_proportion
from gv_jax.inference.generation.snap_colors import limit_colors

SHOWN_PER_CLASS = 12  # images of each class on the sheet of the report
MAX_COMPARED = 20_000  # training images that copies are searched in, evenly chosen of more


def measure_run(
    evaluation: GenerationEvaluation,
    loaded: LoadedNetwork,
    group_of: Callable[[str], str],
    section: Mapping[str, Any],
    count: int,
) -> GenerationEvaluation:
    """Adds generated images and their metrics to the evaluation of a run.

    The images are those of `gv-jax generate --seed=0`, in proportion to the classes of the
    main split.

    Args:
        evaluation: Of the run.
        loaded: Its network.
        group_of: From the id of an image to its group.
        section: The section config.generation.
        count: Number of images.
    """
    dataset = evaluation.dataset
    held_out = as_labeled(dataset.splits[evaluation.main_split])
    counts = np.bincount(held_out.labels, minlength=len(dataset.classes))
    shares = divide_in_proportion(counts.tolist(), count)
    samples, is_measured = generate_samples(loaded, dataset, section, shares)
    training = dataset.splits["train"]
    rows = np.unique(np.linspace(0, len(training.labels) - 1, MAX_COMPARED).astype(int))
    if len(rows) == len(training.labels):
        rows = np.arange(len(training.labels))
    groups = [group_of(str(training.ids[row])) for row in rows.tolist()]
    metrics = measure_samples(
        LabeledImages(samples.images[is_measured], samples.labels[is_measured]),
        as_labeled(training, rows),
        held_out,
        groups=np.unique(groups, return_inverse=True)[1],
        class_names=dataset.classes,
        tileable=section["tileable"],
        embed=load_embed(),
    )
    measured = GeneratedSamples(samples, np.flatnonzero(is_measured), metrics, rows)
    return add_samples(evaluation, measured)


def generate_samples(
    loaded: LoadedNetwork, dataset: Dataset, section: Mapping[str, Any], shares: list[int]
) -> tuple[LabeledImages, np.ndarray]:
    """Generates `shares` images of each class, at least SHOWN_PER_CLASS.

    Returns:
        The images and their labels, and whether each is among the `shares`, bool [n].
    """
    weights = jax.device_put(jax.device_get(loaded.weights), jax.local_devices()[0])
    size = dataset.splits["train"].images.shape[1:3]
    generator = Generator(loaded._replace(weights=weights), size, section["sampler"])
    totals = [max(share, SHOWN_PER_CLASS) for share in shares]
    labels = np.repeat(np.arange(len(shares)), totals)
    indices = np.concatenate([np.arange(total) for total in totals])
    images = generator.generate(labels, indices, Sampling.from_section(section, seed=0))
    if section["palette"]:
        images = limit_colors(images, section["palette"])
    return LabeledImages(images, labels), indices < np.array(shares)[labels]


def as_labeled(split: Split, rows: np.ndarray | None = None) -> LabeledImages:
    """Images of a split, all or those of `rows`, in memory."""
    rows = np.arange(len(split.labels)) if rows is None else rows
    return LabeledImages(np.asarray(split.images[rows]), np.asarray(split.labels)[rows])
