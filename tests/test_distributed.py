"""The same step on one device and on eight."""

import subprocess
import sys

import numpy as np
import pytest

from gv_jax import distributed
from gv_jax.errors import UserError

EIGHT = """
import jax
jax.config.update("jax_num_cpu_devices", 8)
import numpy as np
import optax
from flax import nnx
from gv_jax import models
from gv_jax.data.augment.augmentations import build_augmentation
from gv_jax.training import devices, step
from gv_jax.tasks.registry import Classification

network = step.Network.of(models.build("resnet18", inputs=4, classes=3, stem="small", rngs=nnx.Rngs(0)))
task, transform = Classification(3), optax.sgd(0.1)
update = step.make_update(network, task, transform, build_augmentation({"flip": 0.5, "mixup": 0.4, "rotate": 9.0}), seed=0)
draws = np.random.default_rng(0)
arrays = {"image": draws.integers(0, 256, (40, 8, 8, 4), np.uint8), "label": draws.integers(0, 3, 40, np.int32)}
ends = []
auto = (jax.sharding.AxisType.Auto,)
for mesh in (devices.data_mesh(), jax.make_mesh((1,), ("data",), devices=jax.devices()[:1], axis_types=auto)):
    feed = devices.feed(arrays, mesh, resident_bytes=2**20)
    state = devices.replicate(step.start(network, transform, average=False), mesh)
    go = devices.compiled(update, mesh, state, feed(np.arange(16, dtype=np.int32)), donate=True)
    for number in range(2):
        state, sums = go(state, feed(np.arange(16, dtype=np.int32) + number))
    ends.append((jax.device_get(state.params), float(sums["loss"])))
assert mesh.size == 1 and len(state.params) > 0
difference = max(np.abs(a - b).max() for a, b in zip(*(jax.tree.leaves(end[0]) for end in ends)))
assert difference < 1e-4, difference
assert abs(ends[0][1] - ends[1][1]) < 1e-3 * abs(ends[1][1]), ends
"""


def test_eight_devices_train_as_one():
    done = subprocess.run([sys.executable, "-c", EIGHT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_uneven_batch_is_refused_with_one_that_fits():
    class Mesh:
        size = 8

    with pytest.raises(UserError, match=r"--config\.train\.batch_size=96"):
        distributed.check_batch_size(100, Mesh())
    distributed.check_batch_size(96, Mesh())


@pytest.mark.parametrize("resident_bytes", [0, 2**20])
def test_batches_are_the_same_from_the_device_and_from_the_file(tmp_path, resident_bytes):
    rows = np.random.default_rng(0).integers(0, 256, (10, 2, 2, 3), dtype=np.uint8)
    np.save(tmp_path / "rows.npy", rows)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    feed = distributed.make_batch_fn({"image": mapped}, distributed.data_mesh(), resident_bytes)
    np.testing.assert_array_equal(feed(np.array([3, 3, 0], np.int32))["image"], rows[[3, 3, 0]])
