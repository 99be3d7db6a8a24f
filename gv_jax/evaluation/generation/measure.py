"""All numbers of generated images, beside those of real images and of baselines."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gv_jax.evaluation.generation.baselines import BASELINES
from gv_jax.evaluation.generation.colors import count_colors
from gv_jax.evaluation.generation.fidelity import fit_classifier, predict_labels
from gv_jax.evaluation.generation.kid import kernel_distance
from gv_jax.evaluation.generation.memorization import Nearest, find_nearest
from gv_jax.evaluation.generation.precision_recall import precision_recall
from gv_jax.evaluation.generation.seams import seam_score
from gv_jax.training.ridge import Classifier

MAX_IMAGES = 1000  # generated and held-out ones whose features are computed
MAX_TRAINING = 5000  # training images of the classifier
MIN_IMAGES = 10  # for KID, precision and recall

Embed = Callable[[np.ndarray], np.ndarray]


class LabeledImages(NamedTuple):
    """uint8 images [n h w c] and their labels, int [n]."""

    images: np.ndarray
    labels: np.ndarray

    def take(self, indices: np.ndarray) -> "LabeledImages":
        """The images of these indices."""
        return LabeledImages(np.asarray(self.images[indices]), self.labels[indices])


@dataclass(frozen=True)
class SampleMetrics:
    """What is known of generated images. Names are those of `evaluation.metrics.METRICS`.

    A metric that cannot be computed is absent.

    Attributes:
        rows: metric -> value of "generated", "real", and each of `baselines.BASELINES`.
        per_class: "generated" and "real" -> class -> "count", "class_accuracy" and "copies".
        nearest: the training images nearest to the generated ones.
    """

    rows: Mapping[str, Mapping[str, float]]
    per_class: Mapping[str, Mapping[str, Mapping[str, float]]]
    nearest: Nearest


@dataclass(frozen=True)
class References:
    """What sets of images are measured against.

    Attributes:
        training: all training images.
        groups: of the training images, int [m].
        is_tileable: of every class, bool [k].
        embed: images -> features; None: metrics of features are left out.
        held_out: features of held-out images [n f].
        classifier: of training features; None without `embed`, and for a single class.
    """

    training: LabeledImages
    groups: np.ndarray
    is_tileable: np.ndarray
    embed: Embed | None
    held_out: np.ndarray
    classifier: Classifier | None


class Measured(NamedTuple):
    """Metrics of a set; of every image, whether it is of its class, if known, and its nearest."""

    row: dict[str, float]
    is_right: np.ndarray | None
    nearest: Nearest


def measure_samples(
    generated: LabeledImages,
    training: LabeledImages,
    held_out: LabeledImages,
    *,
    groups: np.ndarray,
    class_names: Sequence[str],
    tileable: Iterable[str] = (),
    embed: Embed | None = None,
    seed: int = 0,
) -> SampleMetrics:
    """Measures generated images, real ones, and baselines with the labels of the generated ones.

    The reference of KID, precision and recall is the held-out images; for "real" they measure
    training images, as many as there are generated ones, with the same labels as far as possible.
    The other metrics of "real" are those of held-out images. Of more than MAX_IMAGES generated or
    held-out images, and of more than MAX_TRAINING training images for the classifier, a random
    selection is used; copies are searched in all training images.

    Args:
        generated: samples with the labels that were requested.
        training: images that the generator was trained on.
        held_out: images of the same distribution.
        groups: of the training images, int; variants of one motif are one group.
        class_names: in the order of the labels.
        tileable: classes whose images continue across their border.
        embed: see `image_features.load_embed`.
        seed: of selections, baselines and folds.
    """
    rng = np.random.default_rng(seed)
    tileable = set(tileable)
    is_tileable = np.array([name in tileable for name in class_names], bool)
    held_out = held_out.take(choose(len(held_out.labels), MAX_IMAGES, rng))
    fitted = choose(len(training.labels), MAX_TRAINING, rng)
    features, classifier = None, None
    if embed is not None:
        features = embed(np.asarray(training.images[fitted]))
        if len(class_names) > 1:
            classifier = fit_classifier(features, training.labels[fitted], groups[fitted], seed)
    reference = embed(held_out.images) if embed is not None else np.empty((0, 0))
    references = References(training, groups, is_tileable, embed, reference, classifier)

    part = generated.take(choose(len(generated.labels), MAX_IMAGES, rng))
    measured = measure_set(part, references)
    real = measure_set(held_out, references, is_reference=True)
    if features is not None:
        matched = match_labels(training.labels[fitted], part.labels, rng)
        real.row.update(compare_features(features[matched], reference))
    rows = {"generated": measured.row, "real": real.row}
    requested = part.labels[np.isin(part.labels, training.labels)]
    for name, make_images in BASELINES.items():
        images = make_images(training.images, training.labels, requested, seed)
        rows[name] = measure_set(LabeledImages(images, requested), references).row
    per_class = {
        "generated": measure_classes(measured, part.labels, class_names),
        "real": measure_classes(real, held_out.labels, class_names),
    }
    nearest = measured.nearest
    if len(part.labels) < len(generated.labels):
        nearest = find_copies(generated, references)
    return SampleMetrics(rows, per_class, nearest)


def measure_set(
    part: LabeledImages, references: References, *, is_reference: bool = False
) -> Measured:
    """Metrics of one set of images.

    Args:
        part: the set.
        references: what it is measured against.
        is_reference: whether the set is the held-out one, which is not compared with itself.
    """
    row: dict[str, float] = {}
    is_right = None
    nearest = find_copies(part, references)
    if not len(part.labels):
        return Measured(row, is_right, nearest)
    if references.embed is not None:
        features = references.held_out if is_reference else references.embed(part.images)
        if not is_reference:
            row |= compare_features(features, references.held_out)
        if references.classifier is not None:
            is_right = predict_labels(references.classifier, features) == part.labels
            row["class_accuracy"] = float(is_right.mean())
    row["copies"] = float(nearest.is_copy.mean())
    tiles = part.images[references.is_tileable[part.labels]]
    if len(tiles):
        row["seam_score"] = seam_score(tiles)
    row["colors"] = float(np.median(count_colors(part.images)))
    return Measured(row, is_right, nearest)


def compare_features(features: np.ndarray, reference: np.ndarray) -> dict[str, float]:
    """KID with its error, precision and recall; {} for fewer than MIN_IMAGES images."""
    if min(len(features), len(reference)) < MIN_IMAGES:
        return {}
    kid, error = kernel_distance(features, reference)
    precision, recall = precision_recall(features, reference)
    return {"kid": kid, "kid_error": error, "precision": precision, "recall": recall}


def find_copies(part: LabeledImages, references: References) -> Nearest:
    """The nearest training images; images of tileable classes wrap."""
    training, groups = references.training.images, references.groups
    wrap = references.is_tileable[part.labels]
    return find_nearest(part.images, training, groups, wrap=wrap)


def measure_classes(
    measured: Measured, labels: np.ndarray, class_names: Sequence[str]
) -> dict[str, dict[str, float]]:
    """Of every class with images: "count", "copies" and, if known, "class_accuracy"."""
    rows: dict[str, dict[str, float]] = {}
    for label, name in enumerate(class_names):
        members = labels == label
        if not members.any():
            continue
        rows[name] = {"count": int(members.sum())}
        if measured.is_right is not None:
            rows[name]["class_accuracy"] = float(measured.is_right[members].mean())
        rows[name]["copies"] = float(measured.nearest.is_copy[members].mean())
    return rows


def choose(count: int, limit: int, rng: np.random.Generator) -> np.ndarray:
    """Ascending indices: all of `count`, or a random selection of `limit`."""
    if count <= limit:
        return np.arange(count)
    return np.sort(rng.choice(count, limit, replace=False))


def match_labels(labels: np.ndarray, requested: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Random indices of images with the labels in `requested`, each index at most once.

    What a class lacks is taken from other classes, as far as there are images.
    """
    order = rng.permutation(len(labels))
    wanted = np.bincount(requested, minlength=labels.max(initial=0) + 1)
    chosen = np.concatenate([order[labels[order] == label][:n] for label, n in enumerate(wanted)])
    rest = np.setdiff1d(order, chosen)
    missing = min(len(requested) - len(chosen), len(rest))
    return np.concatenate([chosen, rng.choice(rest, missing, replace=False)]).astype(np.int64)
