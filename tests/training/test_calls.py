"""Several training steps in one compiled call: the training that single steps would be."""

import logging
import os
import re
import signal
from collections import Counter

import jax
import numpy as np
import optax
import pytest
from flax import nnx

from gv_jax import distributed
from gv_jax.data.augment.augmentations import build_augmentation
from gv_jax.data.batch_reader import BatchReader
from gv_jax.data.sampling import batch_indices
from gv_jax.models import build
from gv_jax.tasks.classification import Classification
from gv_jax.training.calls import compile_calls, limit_steps_per_call, make_train_steps
from gv_jax.training.fit import InterruptedRun, LoopConfig, RunTracker, fit
from gv_jax.training.run_dir import RunDir
from gv_jax.training.step import SplitModule, init_train_state, make_train_step

NUM_IMAGES, BATCH_SIZE, EPOCH, EPOCHS = 28, 4, 7, 2
TIMES = ("images_per_second", "data_wait")
MESH = distributed.data_mesh()
RNG = np.random.default_rng(0)
ARRAYS = {
    "image": RNG.integers(0, 256, (NUM_IMAGES, 4, 4, 3), np.uint8),
    "label": RNG.integers(0, 3, NUM_IMAGES, np.int32),
}
READER = distributed.make_batch_reader(ARRAYS, MESH, resident_bytes=2**20)


class Network(nnx.Module):
    """Dropout, batch normalization and a linear layer."""

    def __init__(self, *, rngs):
        self.dropout = nnx.Dropout(0.3, rngs=rngs)
        self.norm = nnx.BatchNorm(48, momentum=0.9, rngs=rngs)
        self.head = nnx.Linear(48, 3, rngs=rngs)

    def __call__(self, x):
        return self.head(self.dropout(self.norm(x.reshape(len(x), -1))))


def make_loop(steps_per_call, **changes):
    return LoopConfig(
        **{
            "steps": EPOCH * EPOCHS,
            "steps_per_epoch": EPOCH,
            "batch_size": BATCH_SIZE,
            "monitor": ("accuracy", "max"),
            "select_best": True,
            "patience": 0,
            "checkpoint_seconds": 0.0,
            "steps_per_call": steps_per_call,
            **changes,
        }
    )


def indices_at(step):
    return batch_indices(3, step, NUM_IMAGES, BATCH_SIZE)


def make_training(model=None):
    """(training step, initial state), with an EMA and every second gradient applied."""
    network = SplitModule.from_module(model or Network(rngs=nnx.Rngs(0)))
    optimizer = optax.MultiSteps(optax.adam(1e-2), 2).gradient_transformation()
    augment = build_augmentation({"flip": 0.5})
    train_step = make_train_step(
        network, Classification(3), optimizer, augment, seed=5, ema_decay=0.9
    )
    return train_step, distributed.replicate(init_train_state(network, optimizer, ema=True), MESH)


def run(path, steps_per_call, validate=None, stop_at=None, **changes):
    """Trains in `path`; SIGTERM is received while the call that has step `stop_at` is read."""
    loop = make_loop(steps_per_call, **changes)
    train_step, state = make_training()
    call, get_inputs = compile_calls(train_step, state, READER, indices_at, loop, MESH)
    read = get_inputs.read

    def stop(first_step):
        if stop_at in loop.call_at(first_step):
            os.kill(os.getpid(), signal.SIGTERM)
        return read(first_step)

    tracker = RunTracker(loop, RunDir(path), validate, lambda step: 1e-2)
    with jax.transfer_guard("disallow"):
        return fit(state, call, BatchReader(stop), tracker)


def read_rows(path):
    return [{k: v for k, v in row.items() if k not in TIMES} for row in RunDir(path).rows()]


def assert_close(tree, expected):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=1e-5), tree, expected)


def assert_rows_close(path, expected_path):
    for row, expected in zip(read_rows(path), read_rows(expected_path), strict=True):
        assert row.pop("split") == expected.pop("split")
        assert row == pytest.approx(expected, rel=1e-5)


@pytest.fixture(scope="module")
def single(tmp_path_factory):
    """The directory and the weights of a run of single steps."""
    path = tmp_path_factory.mktemp("single")
    with jax.numpy_dtype_promotion("standard"):
        return path, run(path, 1)[0]


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """The directory and the weights of a run of three steps in a call."""
    path = tmp_path_factory.mktemp("three")
    with jax.numpy_dtype_promotion("standard"):
        return path, run(path, 3)[0]


@pytest.mark.parametrize(
    ("steps_per_call", "step", "calls"),
    [
        (1, 5, [[5], [6], [7], [8]]),
        (3, 0, [[0, 1, 2], [3, 4, 5], [6], [7, 8]]),
        (3, 3, [[3, 4, 5], [6], [7, 8]]),
        (3, 4, [[4, 5], [6], [7, 8]]),  # saved by single steps
        (9, 0, [[0, 1, 2, 3, 4, 5, 6], [7, 8]]),
        (3, 9, []),
    ],
)
def test_a_call_ends_with_the_epoch_and_the_training(steps_per_call, step, calls):
    loop = make_loop(steps_per_call, steps=9)
    assert [list(loop.call_at(first)) for first in loop.calls_from(step)] == calls


@pytest.mark.parametrize("steps_per_call", [3, 7, 100])
def test_a_training_does_not_depend_on_the_steps_per_call(single, tmp_path, steps_per_call):
    path, weights = single
    several, progress = run(tmp_path, steps_per_call)
    assert progress.step == EPOCH * EPOCHS
    assert_close(several, weights)
    assert_rows_close(tmp_path, path)
    assert len(read_rows(path)) == EPOCHS


def test_a_run_interrupted_between_calls_ends_with_the_same_bits_and_log(three, tmp_path):
    with pytest.raises(InterruptedRun, match="step 6 of 14"):
        run(tmp_path, 3, stop_at=4)
    resumed, progress = run(tmp_path, 3)
    path, weights = three
    jax.tree.map(np.testing.assert_array_equal, resumed, weights)
    assert progress.step == EPOCH * EPOCHS
    assert read_rows(tmp_path) == read_rows(path)


def test_a_run_is_resumed_where_no_call_of_its_own_begins(three, tmp_path):
    """As after single steps in several processes."""
    with pytest.raises(InterruptedRun, match="step 5 of 14"):
        run(tmp_path, 1, stop_at=4)
    resumed, _ = run(tmp_path, 3)
    assert_close(resumed, three[1])
    assert_rows_close(tmp_path, three[0])


def test_a_run_of_several_steps_per_call_selects_and_stops_by_epochs(tmp_path):
    steps, accuracies = [], iter((0.5, 0.4, 0.3, 0.9))

    def validate(state):
        steps.append(int(jax.device_get(state.step)))
        return {"accuracy": next(accuracies), "loss": 1.0}

    _, progress = run(tmp_path, 3, validate, steps=10 * EPOCH, patience=2)
    assert steps == [7, 14, 21]
    assert progress.steps == {"best_step": 7, "last_step": 21}


def test_only_indices_of_a_call_are_transferred():
    train_step, state = make_training()
    _, get_inputs = compile_calls(train_step, state, READER, indices_at, make_loop(3), MESH)
    indices = get_inputs(3)
    assert (indices.dtype, indices.shape) == (np.int32, (3, BATCH_SIZE))
    np.testing.assert_array_equal(indices[1], indices_at(4))
    assert get_inputs(6).shape == (1, BATCH_SIZE)


def test_a_loop_computes_what_the_unrolled_steps_do():
    train_step, state = make_training()
    indices = np.stack([indices_at(step) for step in range(4)])
    loop, unrolled = (
        jax.jit(make_train_steps(train_step, MESH, unroll=unroll))(state, ARRAYS, indices)
        for unroll in (False, True)
    )
    assert_close(loop, unrolled)


@pytest.mark.parametrize("processes", [1, 2])
def test_batches_that_are_read_are_trained_one_by_one(processes, caplog):
    class Mesh:
        is_multi_process = processes > 1

    reader = distributed.make_batch_reader(ARRAYS, MESH, resident_bytes=0)
    with caplog.at_level(logging.WARNING):
        assert limit_steps_per_call(make_loop(1), reader, Mesh()) == make_loop(1)
        assert limit_steps_per_call(make_loop(3), READER, Mesh()) == make_loop(3)
        assert not caplog.messages
        assert limit_steps_per_call(make_loop(3), reader, Mesh()) == make_loop(1)
    (line,) = caplog.messages
    assert "config.train.steps_per_call is 3" in line
    assert ("config.train.device_cache_mb" in line) == (processes == 1)
    assert "\n" not in line


CNN_IMAGES = np.zeros((NUM_IMAGES, 8, 8, 3), np.uint8)


def make_cnn():
    return build("two_layer", inputs=3, classes=3, size=(8, 8), rngs=nnx.Rngs(0))


def lower(platform, steps=4):
    """The text of a call of steps of a CNN for a platform, and that of its main function."""
    train_step, state = make_training(make_cnn())
    rows = {"image": CNN_IMAGES, "label": ARRAYS["label"]}
    train_steps = make_train_steps(train_step, MESH, unroll=platform == "cpu")
    traced = jax.jit(train_steps).trace(state, rows, np.zeros((steps, BATCH_SIZE), np.int32))
    text = traced.lower(lowering_platforms=(platform,)).as_text()
    return text, text.partition("func.func public @main")[2].partition("func.func")[0]


@pytest.mark.parametrize("platform", ["cuda", "tpu"])
def test_a_call_for_a_gpu_or_tpu_loops_and_transfers_nothing(platform):
    text, main = lower(platform)
    operations = Counter(re.findall(r"\bstablehlo\.(\w+)", text))
    assert operations["convolution"] == 5  # of one step: 2, and 3 gradients
    assert len(re.findall(r"\bstablehlo\.while\b", main)) == 1
    assert not {"infeed", "outfeed", "send", "recv"} & operations.keys()
    assert "callback" not in text
    assert "_host" not in text  # memory kinds: pinned_host, unpinned_host


def test_a_call_for_a_cpu_repeats_the_step():
    _, main = lower("cpu")
    assert not re.search(r"\bstablehlo\.while\b", main)
    assert len(re.findall(r"\bcall @take_step\b", main)) == 4


def test_a_call_of_one_step_for_a_cpu_does_not_loop():
    """The last one of an epoch. It has the loops of the step: of its random numbers and pooling."""
    train_step, state = make_training(make_cnn())
    batch = {"image": CNN_IMAGES[:BATCH_SIZE], "label": ARRAYS["label"][:BATCH_SIZE]}
    step = jax.jit(train_step).trace(state, batch).lower(lowering_platforms=("cpu",)).as_text()
    loops = [len(re.findall(r"\bstablehlo\.while\b", text)) for text in (lower("cpu", 1)[0], step)]
    assert loops[0] == loops[1]
