"""The compiled evaluation of a linear classifier, against NumPy."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from gv_jax import distributed
from gv_jax.data.arrays import Dataset, Split
from gv_jax.data.augment.tta import tta_transforms
from gv_jax.data.sampling import batch_indices, shuffled
from gv_jax.evaluation.evaluator import Runtime, make_evaluator
from gv_jax.tasks.classification import Classification
from gv_jax.training.fit import LoopConfig
from gv_jax.training.step import SplitModule, init_train_state

TASK = Classification(num_classes=3, mean=(0.5,), std=(0.25,))
SIZES = {"train": 7, "valid": 5}  # images; no multiples of the batch size


class Linear(nnx.Module):
    def __init__(self, *, rngs):
        self.head = nnx.Linear(16, 3, rngs=rngs)

    def __call__(self, x):
        return self.head(x.reshape(len(x), -1))


def make_split(name, size):
    rng = np.random.default_rng(size)
    images = rng.integers(0, 256, (size, 4, 4, 1), dtype=np.uint8)
    labels = rng.integers(0, 3, size, dtype=np.int32)
    return Split(images, labels, [f"{name}{index}" for index in range(size)])


SPLITS = {name: make_split(name, size) for name, size in SIZES.items()}


@pytest.fixture(scope="module")
def state():
    return init_train_state(make_network(), optax.identity(), ema=False)


def make_network():
    return SplitModule.from_module(Linear(rngs=nnx.Rngs(0)))


@pytest.fixture(scope="module")
def evaluator(state):
    return make_evaluator(
        make_network(),
        TASK,
        state,
        SPLITS,
        distributed.data_mesh(),
        transforms=tta_transforms(flip=True, shift=0),
        batch_size=3,
        valid_batches=1,
        device_cache_mb=1,
    )


def compute_logits(state, images):
    head = state.params["head"]
    inputs = (images / 255 - 0.5) / 0.25
    return inputs.reshape(len(images), -1) @ np.asarray(head["kernel"]) + np.asarray(head["bias"])


def test_results_average_the_logits_of_all_images_over_mirror_images(evaluator, state):
    outputs = evaluator.collect(state.params, state.batch_stats)
    assert set(outputs) == set(SIZES)
    for name, split in SPLITS.items():
        views = (split.images, split.images[:, :, ::-1])
        expected = np.mean([compute_logits(state, images) for images in views], 0)
        np.testing.assert_allclose(outputs[name], expected, rtol=1e-4, atol=1e-5)


def test_validation_is_of_the_first_batches_without_mirror_images(evaluator, state):
    split = SPLITS["valid"]
    logits = compute_logits(state, split.images[:3])
    log_probs = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    metrics = evaluator.validate(state)
    expected = np.mean(logits.argmax(1) == split.labels[:3])
    assert metrics["accuracy"] == pytest.approx(expected)
    loss = -log_probs[np.arange(3), split.labels[:3]].mean()
    assert metrics["loss"] == pytest.approx(loss, rel=1e-4)


def test_functions_of_weights(evaluator, state):
    predict, _ = evaluator.functions_of(state.params, state.batch_stats)
    images = SPLITS["train"].images
    inputs = jnp.asarray((images / 255 - 0.5) / 0.25, jnp.float32)
    expected = compute_logits(state, images)
    np.testing.assert_allclose(predict(inputs), expected, rtol=1e-4, atol=1e-5)


def test_batches_of_several_seeds_are_concatenated(evaluator):
    loop = LoopConfig(4, 2, 3, TASK.monitor, select_best=True, patience=0, checkpoint_seconds=0.0)
    dataset = Dataset("tiny", ("a", "b", "c"), {}, SPLITS, ())
    mesh = distributed.data_mesh()
    runtime = Runtime(dataset, TASK, TASK, shuffled, loop, mesh, evaluator)
    batch = runtime.batch_at(0, 5)(1)
    indices = np.concatenate([batch_indices(seed, 1, 7, 3) for seed in (0, 5)])
    np.testing.assert_array_equal(batch["image"], SPLITS["train"].images[indices])
    np.testing.assert_array_equal(batch["label"], SPLITS["train"].labels[indices])
    assert runtime.validate is not None
