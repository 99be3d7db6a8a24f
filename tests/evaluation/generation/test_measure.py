"""All metrics together, of made-up images whose numbers are known."""

import numpy as np
import pytest

from gv_jax.evaluation.generation import measure
from gv_jax.evaluation.generation.baselines import BASELINES
from gv_jax.evaluation.generation.kid import kernel_distance
from gv_jax.evaluation.generation.measure import LabeledImages, match_labels, measure_samples
from gv_jax.evaluation.metrics import METRICS

CLASSES = ("dark", "bright", "rare")
FEATURE_METRICS = {"kid", "kid_error", "precision", "recall", "class_accuracy"}


def make_images(labels, seed):
    """Noise about a level and a random color; "rare" has holes."""
    rng, labels = np.random.default_rng(seed), np.asarray(labels)
    levels = np.array([40, 170, 100])[labels][:, None, None, None]
    colors = rng.integers(0, 50, (len(labels), 1, 1, 4))
    images = levels + colors + rng.integers(0, 35, (len(labels), 8, 8, 4))
    images[..., 3] = 255
    images[labels == 2, :4, :, 3] = 0
    return LabeledImages(images.astype(np.uint8), labels)


def embed(images):
    """Means of channels and of rows, as features."""
    return np.concatenate([images.mean((1, 2)), images[..., 0].mean(2)], 1).astype(np.float32) / 255


@pytest.fixture(scope="module")
def sets():
    training = make_images(np.repeat([0, 1, 2], [30, 30, 6]), 0)
    held_out = make_images(np.repeat([0, 1], [15, 12]), 1)
    generated = make_images(np.repeat([0, 1, 2], [12, 12, 3]), 2)
    return generated, training, held_out


def measure_all(sets, **options):
    options = {"groups": np.arange(66), "class_names": CLASSES, **options}
    return measure_samples(*sets, **options)


@pytest.fixture(scope="module")
def metrics(sets):
    return measure_all(sets, embed=embed, tileable=("bright",))


def test_all_rows_have_all_metrics_which_are_registered(metrics):
    assert set(metrics.rows) == {"generated", "real", *BASELINES}
    for row in metrics.rows.values():
        assert row.keys() == FEATURE_METRICS | {"copies", "seam_score", "colors"}
        assert row.keys() <= METRICS.keys()
        assert all(type(value) is float and np.isfinite(value) for value in row.values())


def test_rows_are_measured_against_held_out_images(metrics, sets):
    generated, _, held_out = sets
    kid, error = kernel_distance(embed(generated.images), embed(held_out.images))
    assert metrics.rows["generated"]["kid"] == pytest.approx(kid)
    assert metrics.rows["generated"]["kid_error"] == pytest.approx(error)


def test_a_single_class_has_no_accuracy(sets):
    ones = [LabeledImages(part.images, np.zeros_like(part.labels)) for part in sets]
    metrics = measure_all(ones, embed=embed, class_names=("image",))
    for row in metrics.rows.values():
        assert row.keys() & FEATURE_METRICS == FEATURE_METRICS - {"class_accuracy"}
    assert "class_accuracy" not in metrics.per_class["generated"]["image"]


def test_classes_are_measured_where_they_have_images(metrics):
    assert set(metrics.per_class["generated"]) == set(CLASSES)
    assert set(metrics.per_class["real"]) == {"dark", "bright"}
    assert metrics.per_class["generated"]["rare"]["count"] == 3
    for kind in ("generated", "real"):
        rows = metrics.per_class[kind].values()
        count = sum(row["count"] for row in rows)
        for name in ("class_accuracy", "copies"):
            mean = sum(row[name] * row["count"] for row in rows) / count
            assert metrics.rows[kind][name] == pytest.approx(mean)
    assert metrics.rows["real"]["class_accuracy"] == 1


def test_samples_of_the_wrong_class_and_copies_are_counted(sets):
    _, training, held_out = sets
    wrong = LabeledImages(make_images(np.repeat([0, 1], 10), 3).images, np.repeat([0, 0], 10))
    rows = measure_all((wrong, training, held_out), embed=embed).rows
    assert rows["generated"]["class_accuracy"] == 0.5
    copied = wrong._replace(images=np.concatenate([wrong.images[:15], training.images[:5]]))
    result = measure_all((copied, training, held_out), embed=embed)
    assert result.rows["generated"]["copies"] == 0.25
    assert result.nearest.index[15:].tolist() == [0, 1, 2, 3, 4]
    assert result.nearest.ratio[15:].tolist() == [0] * 5


def test_without_features_or_tileable_classes_these_metrics_are_absent(sets):
    metrics = measure_all(sets)
    assert all(row.keys() == {"copies", "colors"} for row in metrics.rows.values())
    assert "class_accuracy" not in metrics.per_class["real"]["dark"]


def test_few_images_have_no_distances(sets):
    generated, training, held_out = sets
    few = generated.take(np.arange(9))
    rows = measure_all((few, training, held_out), embed=embed).rows
    assert rows["generated"].keys() == {"class_accuracy", "copies", "colors"}
    rows = measure_all((generated, training, held_out.take(np.arange(0))), embed=embed).rows
    assert rows["real"] == {}
    assert rows["generated"].keys() == {"class_accuracy", "copies", "colors"}


def test_numbers_of_images_are_bounded(sets, monkeypatch):
    monkeypatch.setattr(measure, "MAX_IMAGES", 12)
    monkeypatch.setattr(measure, "MAX_TRAINING", 20)
    counts = []

    def count(images):
        counts.append(len(images))
        return embed(images)

    result = measure_all(sets, embed=count)
    assert counts == [20, 12, 12, 12, 12, 12]
    assert len(result.nearest.index) == 27


def test_results_are_a_function_of_the_seed(sets, metrics):
    again = measure_all(sets, embed=embed, tileable=("bright",))
    assert again.rows == metrics.rows
    other = measure_all(sets, embed=embed, tileable=("bright",), seed=1)
    assert other.rows["generated"]["kid"] == metrics.rows["generated"]["kid"]
    assert other.rows["shuffled_pixels"] != metrics.rows["shuffled_pixels"]


def test_labels_are_matched_as_far_as_there_are_images():
    labels = np.repeat([0, 1, 2], [10, 3, 20])
    chosen = match_labels(labels, np.repeat([0, 1], [4, 6]), np.random.default_rng(0))
    assert len(set(chosen.tolist())) == 10
    counts = np.bincount(labels[chosen], minlength=3)
    assert counts[0] >= 4
    assert counts[1] == 3
    assert len(match_labels(labels, np.zeros(50, int), np.random.default_rng(0))) == 33
