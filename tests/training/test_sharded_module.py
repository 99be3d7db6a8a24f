"""Training states that are sharded over 1, 2 and 8 virtual devices."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import sys
from pathlib import Path
import jax, numpy as np, optax
from flax import nnx
from jax.sharding import AxisType
from gv_jax import distributed
from gv_jax.data.augment.augmentations import build_augmentation
from gv_jax.tasks.classification import Classification
from gv_jax.training.checkpoint import Checkpoints, snapshot
from gv_jax.training.sharded_module import ShardedModule, init_placed_state
from gv_jax.training.step import SplitModule, init_train_state, make_train_step

class Network(nnx.Module):
    def __init__(self, rngs):
        self.first = nnx.Linear(48, 512, use_bias=False, rngs=rngs)  # 96 KiB
        self.norm = nnx.BatchNorm(512, rngs=rngs)
        self.second = nnx.Linear(512, 40, rngs=rngs)  # 80 KiB: 40 = 8 * 5
        self.last = nnx.Linear(40, 3, rngs=rngs)

    def __call__(self, x):
        x = nnx.relu(self.norm(self.first(x.reshape(len(x), -1))))
        return self.last(nnx.relu(self.second(x)))

plain = SplitModule.from_module(Network(nnx.Rngs(0)))
optimizer = optax.chain(optax.clip_by_global_norm(0.5), optax.adam(1e-2))
augment = build_augmentation({"flip": 0.5})
rng = np.random.default_rng(0)
images = rng.integers(0, 256, (40, 4, 4, 3), np.uint8)
arrays = {"image": images, "label": rng.integers(0, 3, 40, np.int32)}
batch_of = lambda mesh, step: distributed.make_batch_reader(arrays, mesh, 2**20)(
    np.arange(16, dtype=np.int32) + step)

def make_mesh(count):
    types = (AxisType.Auto,)
    return jax.make_mesh((count,), ("data",), devices=jax.devices()[:count], axis_types=types)

def init(mesh, sharded):
    if sharded:
        network = ShardedModule.from_split(plain, mesh)
        return network, init_placed_state(network, optimizer, mesh, ema=True, sharded=True)
    state = init_train_state(plain, optimizer, ema=True)
    return plain, distributed.replicate(state, mesh)

def train(mesh, sharded, first, steps, state=None):
    network, start = init(mesh, sharded)
    state = start if state is None else state
    shardings = distributed.shardings_of(state)
    step = make_train_step(network, Classification(3), optimizer, augment, seed=0, ema_decay=0.9)
    outputs = (shardings, distributed.replicated(mesh))
    options = {"donate": True, "out_shardings": outputs}
    step = distributed.aot_compile(step, mesh, state, batch_of(mesh, 0), **options)
    for index in range(first, first + steps):
        state, sums = step(state, batch_of(mesh, index))
    assert distributed.shardings_of(state) == shardings
    return state, float(sums["loss"])

def assert_close(state, expected):
    assert jax.tree.structure(state) == jax.tree.structure(expected)
    for a, b in zip(jax.tree.leaves(state), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=2e-5)

expected, expected_loss = train(make_mesh(1), False, 0, 4)
total = sum(leaf.nbytes for leaf in jax.tree.leaves(expected))
large = 4 * (48 * 512 + 512 * 40) * 4  # weights, EMA and two moments
for count in (1, 2, 8):
    for sharded in (False, True):
        state, loss = train(make_mesh(count), sharded, 0, 4)
        assert_close(state, expected)
        assert abs(loss - expected_loss) < 1e-4 * expected_loss
        bytes_here = distributed.count_device_bytes(state, distributed.shardings_of(state))
        assert bytes_here == (total - large + large // count if sharded else total)
        held = [
            sum(shard.data.nbytes for shard in leaf.addressable_shards if shard.device.id == 0)
            for leaf in jax.tree.leaves(state)
        ]
        assert sum(held) == bytes_here
    kernel = state.params["second"]["kernel"]
    assert kernel.sharding.shard_shape(kernel.shape) == (512 // count, 40)

folder = Path(sys.argv[1])
half, _ = train(make_mesh(8), True, 0, 2)
with Checkpoints(folder) as checkpoints:
    checkpoints.save(2, half, snapshot(half), {"step": 2})
for count, sharded in ((1, False), (2, True), (8, True), (8, False)):
    mesh = make_mesh(count)
    _, start = init(mesh, sharded)
    with Checkpoints(folder) as checkpoints:
        state, best, progress = checkpoints.restore(start)
    assert progress == {"step": 2}
    assert distributed.shardings_of(state) == distributed.shardings_of(start)
    assert all(type(leaf) is np.ndarray for leaf in jax.tree.leaves(best))
    jax.tree.map(np.testing.assert_array_equal, best, snapshot(state))
    state, _ = train(mesh, sharded, 2, 2, state)
    assert_close(state, expected)
"""


@pytest.mark.slow
def test_sharded_states_train_as_whole_ones_and_move_between_numbers_of_devices(tmp_path):
    environment = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=8"}
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "checkpoints")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
