"""Explains held-out images for the report of a run."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from gv_jax.evaluation.classification import ClassificationEvaluation
from gv_jax.evaluation.evaluator import Runtime
from gv_jax.inference.explain.map_maker import MapMaker, choose_layer
from gv_jax.inference.explain.overlay import draw_overlay
from gv_jax.inference.finished_run import LoadedNetwork
from gv_jax.inference.stored.neighbors import Neighbor, read_neighbors
from gv_jax.inference.stored.stored_files import compile_features, features_at
from gv_jax.reporting.figures.classification import describe_prediction, pick_examples
from gv_jax.reporting.figures.explanations import NUM_SHOWN, ExplainedImage, draw_explanations
from gv_jax.reporting.figures.fonts import replace_missing_glyphs
from gv_jax.reporting.figures.grids import CaptionLine
from gv_jax.reporting.figures.report_figure import ReportFigure
from gv_jax.training.run_dir import RunDir

TITLES = {"grad_cam": "Grad-CAM", "integrated_gradients": "Integrated\ngradients"}


def explain_held_out_images(
    evaluation: Any,
    runtime: Runtime,
    loaded: LoadedNetwork,
    run_dir: RunDir,
    section: Mapping[str, Any],
) -> list[ReportFigure]:
    """The figure of explained images; none for other tasks or for a network without a map.

    Args:
        evaluation: Of a run.
        runtime: Its data and compiled evaluation.
        loaded: Its network.
        run_dir: Holds the stored training images.
        section: The section config.inference.
    """
    if not isinstance(evaluation, ClassificationEvaluation) or not section["explanations"]:
        return []
    split = evaluation.dataset.splits[evaluation.main_split]
    maps = MapMaker(loaded, split.images.shape[1:], runtime.evaluator.dtype)
    if not maps.sizes:
        return []
    layer = choose_layer(maps.sizes)
    log_probs = evaluation.log_probs[evaluation.main_split]
    indices = choose_images(log_probs, split.labels, section["explanations"])
    if not len(indices):
        return []
    neighbors = find_neighbors(evaluation, runtime, loaded, run_dir, indices)
    names = replace_missing_glyphs(evaluation.dataset.classes)
    rows = []
    for index, nearest in zip(indices, neighbors, strict=True):
        image, predicted = split.images[index], int(log_probs[index].argmax())
        overlays = {}
        for method, title in TITLES.items():
            heat = maps.make(method, image, predicted, layer if method == "grad_cam" else "")
            overlays[title] = draw_overlay(image, heat)
        caption = split_line(describe_prediction(names, int(split.labels[index]), log_probs[index]))
        shown = [
            (neighbor.label, neighbor.distance, neighbor.thumbnail)
            for neighbor in nearest
            if neighbor.thumbnail is not None
        ]
        rows.append(ExplainedImage(image, caption, overlays, shown))
    return [draw_explanations(rows, layer, run_dir.figures)]


def split_line(caption: list[CaptionLine]) -> list[CaptionLine]:
    """The caption with the predicted class, if it is another one, on a line of its own."""
    text, color, prefix = caption[-1]
    last = [CaptionLine("", color, prefix)] + [CaptionLine(text, color)] * bool(text)
    return [*caption[:-1], *last]


def choose_images(log_probs: np.ndarray, labels: np.ndarray, count: int) -> np.ndarray:
    """Indices of up to `count` images: half of them wrong predictions, as far as there are any.

    Args:
        log_probs: Log-probabilities [n k].
        labels: True classes [n].
        count: At least 1.
    """
    wrong, correct = (
        pick_examples(log_probs, labels, correct=is_correct, confident=True)
        for is_correct in (False, True)
    )
    num_wrong = min(len(wrong), max(count // 2, count - len(correct)))
    return np.concatenate([wrong[:num_wrong], correct[: count - num_wrong]])


def find_neighbors(
    evaluation: ClassificationEvaluation,
    runtime: Runtime,
    loaded: LoadedNetwork,
    run_dir: RunDir,
    indices: np.ndarray,
) -> list[list[Neighbor]]:
    """The nearest stored training images of images of the main split; none if none are stored."""
    stored = read_neighbors(run_dir.path)
    if stored is None:
        return [[] for _ in indices]
    extract = compile_features(loaded, runtime.evaluator.dtype)
    features = features_at(runtime, extract, evaluation.main_split, indices)
    return stored.nearest(features, NUM_SHOWN)
