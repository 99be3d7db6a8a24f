"""Calls of several steps on eight devices train as single steps on one."""

import os
import subprocess
import sys

import pytest

DEVICES = """
import jax, numpy as np, optax
from flax import nnx
from jax.sharding import AxisType
from gv_jax import distributed
from gv_jax.training import calls
from gv_jax.training.sharded_module import ShardedModule, init_placed_state
from gv_jax.training.step import SplitModule, make_train_step
from gv_jax.tasks.classification import Classification
from gv_jax.data.augment.augmentations import build_augmentation
from gv_jax.training.fit import LoopConfig

class Network(nnx.Module):
    def __init__(self, rngs):
        self.first = nnx.Linear(48, 512, use_bias=False, rngs=rngs)  # 96 KiB
        self.norm = nnx.BatchNorm(512, rngs=rngs)
        self.last = nnx.Linear(512, 3, rngs=rngs)

    def __call__(self, x):
        return self.last(nnx.relu(self.norm(self.first(x.reshape(len(x), -1)))))

plain = SplitModule.from_module(Network(nnx.Rngs(0)))
optimizer = optax.chain(optax.clip_by_global_norm(0.5), optax.adam(1e-2))
rng = np.random.default_rng(0)
images = rng.integers(0, 256, (64, 4, 4, 3), np.uint8)
arrays = {"image": images, "label": rng.integers(0, 3, 64, np.int32)}
indices_at = lambda step: np.arange(16, dtype=np.int32) + step

def train(count, sharded, steps_per_call, loops):
    types = (AxisType.Auto,)
    mesh = jax.make_mesh((count,), ("data",), devices=jax.devices()[:count], axis_types=types)
    network = ShardedModule.from_split(plain, mesh) if sharded else plain
    state = init_placed_state(network, optimizer, mesh, ema=True, sharded=sharded)
    shardings = distributed.shardings_of(state)
    augment = build_augmentation({"flip": 0.5})
    step = make_train_step(network, Classification(3), optimizer, augment, seed=0, ema_decay=0.9)
    reader = distributed.make_batch_reader(arrays, mesh, 2**20)
    loop = LoopConfig(7, 7, 16, ("accuracy", "max"), True, 0, 0.0, steps_per_call)
    calls.has_slow_loops = lambda mesh: not loops
    call, get_inputs = calls.compile_calls(step, state, reader, indices_at, loop, mesh)
    losses = []
    for first in loop.calls_from(0):
        inputs = get_inputs(first)
        if steps_per_call > 1:
            assert inputs.sharding.shard_shape(inputs.shape)[1] == 16 // count
        state, sums = call(state, inputs)
        assert distributed.shardings_of(state) == shardings
        losses.extend(np.atleast_1d(jax.device_get(sums["loss"])))
    return jax.device_get(state), losses

expected, expected_losses = train(1, False, 1, False)
assert len(expected_losses) == 7
for count, sharded, loops in ((1, False, True), (8, False, False), (8, False, True),
                              (8, True, False), (8, True, True)):
    state, losses = train(count, sharded, 3, loops)
    np.testing.assert_allclose(losses, expected_losses, rtol=1e-4)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=2e-5), state, expected)
"""


@pytest.mark.slow
def test_calls_of_several_steps_on_eight_devices_train_as_single_steps_on_one():
    environment = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=8"}
    command = [sys.executable, "-c", DEVICES]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
