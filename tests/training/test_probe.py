"""A fitted classifier layer in its network: a linear layer, or a convolution before a ReLU."""

import time

import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from gv_jax.data.augment.tta import tta_transforms
from gv_jax.errors import UserError
from gv_jax.models.layers import Conv
from gv_jax.models.stages import classifier_path
from gv_jax.tasks.classification import Classification
from gv_jax.training.checkpoint import Checkpoints
from gv_jax.training.features import make_features
from gv_jax.training.linear import SINGLE_LABEL
from gv_jax.training.probe import (
    ProbeFeatures,
    fit_probe,
    make_probe_folds,
    measure_features,
    replace_head,
)
from gv_jax.training.run_dir import RunDir
from gv_jax.training.step import SplitModule, init_train_state, make_eval_step

TASK = Classification(4)


class ConvHeadNet(nnx.Module):
    """A 1x1 convolution as classifier, ReLU, mean over pixels, as in SqueezeNet."""

    def __init__(self, *, rngs: nnx.Rngs):
        self.stem = Conv(3, 6, 3, rngs=rngs)
        self.head = Conv(6, 4, 1, use_bias=True, rngs=rngs)

    def stages(self):
        return {"stem": ("stem",), "head": ("head",)}

    def __call__(self, x):
        return nnx.relu(self.head(nnx.relu(self.stem(x)))).mean((1, 2))


class LinearHeadNet(ConvHeadNet):
    """Mean over pixels, a linear layer as classifier, as in residual networks."""

    def __init__(self, *, rngs: nnx.Rngs):
        super().__init__(rngs=rngs)
        self.head = nnx.Linear(6, 4, rngs=rngs)

    def __call__(self, x):
        return self.head(nnx.relu(self.stem(x)).mean((1, 2)))


def make_batch(rng):
    images = rng.integers(0, 256, (8, 5, 5, 3), dtype=np.uint8)
    return {"image": jnp.asarray(images), "label": jnp.arange(8) % 4}


def numpy_features(network, images):
    """Mean over pixels of the stem's outputs, the convolution computed tap by tap."""
    x = np.pad((np.asarray(images) / 255 - 0.5) / 0.25, ((0, 0), (1, 1), (1, 1), (0, 0)))
    kernel = np.asarray(network.params["stem"]["kernel"])
    outputs = sum(x[:, i : i + 5, j : j + 5] @ kernel[i, j] for i in range(3) for j in range(3))
    return np.maximum(outputs, 0).mean((1, 2))


@pytest.mark.parametrize("model_class", [ConvHeadNet, LinearHeadNet])
def test_outputs_are_those_of_the_linear_classifier_but_for_a_constant(model_class):
    model = model_class(rngs=nnx.Rngs(0))
    network, layer = SplitModule.from_module(model), classifier_path(model, "toy")
    state = init_train_state(network, optax.identity(), ema=True)
    rng = np.random.default_rng(0)
    batch = make_batch(rng)
    extract = make_features(network, TASK, layer, tta_transforms(flip=True, shift=0))
    features, norms = extract(*state.eval_weights, batch)
    assert features.shape == (8, 2, 6)
    for index, images in enumerate((batch["image"], batch["image"][:, :, ::-1])):
        expected = numpy_features(network, images)
        np.testing.assert_allclose(features[:, index], expected, atol=1e-4)
    kernel, bias = rng.normal(size=(6, 4)), rng.normal(size=4)
    after = replace_head(state, layer, kernel, bias, float(norms.max()))
    outputs, _ = make_eval_step(network, TASK)(*after.eval_weights, batch)
    constant = np.asarray(outputs) - (np.asarray(features[:, 0]) @ kernel + bias)
    np.testing.assert_allclose(constant, constant.mean(), atol=1e-3)
    assert bool(np.abs(constant.mean()) < 1e-5) is (model_class is LinearHeadNet)
    assert after.params["stem"]["kernel"] is state.params["stem"]["kernel"]


def test_a_probe_is_saved_as_a_training_of_one_step(tmp_path):
    network = SplitModule.from_module(LinearHeadNet(rngs=nnx.Rngs(0)))
    state = init_train_state(network, optax.identity(), ema=False)
    batch = make_batch(np.random.default_rng(0))
    labels = np.asarray(batch["label"])
    features = numpy_features(network, batch["image"])
    views = features[:, None].astype(np.float32)
    best, progress, choice = fit_probe(
        state,
        ProbeFeatures(views, 1.0, num_computed=3, hashes=np.arange(8), folder=None),
        lambda state: {"accuracy": 0.5},
        RunDir(tmp_path),
        layer="head",
        kind=SINGLE_LABEL,
        method="ridge",
        targets=np.eye(4)[labels],
        l2=(1.0, 10.0),
        folds=np.arange(8) // 4,
        started=time.monotonic() - 2,
    )
    assert (progress.step, progress.best_step) == (1, 1)
    assert progress.seconds > 2
    assert {1.0, 10.0} <= {row["penalty"] for row in choice["penalties"]}
    assert (choice["features"], choice["computed_features"]) == (6, 3)
    (used,) = [row["penalty"] for row in choice["penalties"] if row["used"]]
    assert choice["penalty"] == used
    assert {row["held_out_accuracy"] <= 1 for row in choice["penalties"]} == {True}
    predictions = features @ best["params"]["head"]["kernel"] + best["params"]["head"]["bias"]
    train, valid = RunDir(tmp_path).rows()
    assert train["accuracy"] == (predictions.argmax(1) == labels).mean()
    assert (valid["split"], valid["accuracy"]) == ("valid", 0.5)
    with Checkpoints(RunDir(tmp_path).checkpoints) as checkpoints:
        _, restored, _ = checkpoints.restore(state)
    np.testing.assert_array_equal(
        restored["params"]["head"]["kernel"], best["params"]["head"]["kernel"]
    )


def test_folds_depend_on_the_seed_and_keep_groups_together():
    labels, groups = np.arange(40) % 4, [str(index // 2) for index in range(40)]
    folds = make_probe_folds(labels, groups, 4, seed=0, num_penalties=3)
    assert sorted(np.bincount(folds)) == [10] * 4
    assert (folds[::2] == folds[1::2]).all()
    assert (folds != make_probe_folds(labels, groups, 4, seed=1, num_penalties=3)).any()


@pytest.mark.parametrize("labels", [np.arange(6), np.eye(6)])
def test_one_image_per_class_has_no_folds(labels):
    groups = list("abcdef")
    with pytest.raises(UserError, match=r"config\.probe\.folds=5.*config\.probe\.l2") as caught:
        make_probe_folds(labels, groups, 5, seed=0, num_penalties=6)
    assert "data.folds" not in str(caught.value)
    assert make_probe_folds(labels, groups, 5, seed=0, num_penalties=1) is None


def test_error_for_more_folds_than_groups_says_how_many_are_possible():
    labels, groups = np.array([0, 0, 1, 1]), list("aabc")
    values = r"config\.probe\.folds=5.*config\.probe\.folds=3"
    with pytest.raises(UserError, match=values) as caught:
        make_probe_folds(labels, groups, 5, seed=0, num_penalties=6)
    assert "data.folds" not in str(caught.value)


def test_constant_features_are_standardized_to_0():
    rng = np.random.default_rng(0)
    views = rng.normal(3, 2, (50, 2, 4)).astype(np.float32)
    views[..., 1] = 0
    views[..., 2] = 1e4
    mean, inverse_std = measure_features(views)
    scaled = (views - mean) * inverse_std
    np.testing.assert_allclose(scaled.mean((0, 1)), 0, atol=1e-5)
    np.testing.assert_allclose(scaled.std((0, 1)), [1, 0, 0, 1], atol=1e-5)
