"""Augmentations of a batch that is sharded over four devices."""

import subprocess
import sys

import pytest

PROGRAM = """
import jax, numpy as np
jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_num_cpu_devices", 4)
from jax.sharding import AxisType, NamedSharding, PartitionSpec
from gv_jax.data.augment.augmentations import AUGMENTATIONS, build_augmentation
strengths = dict.fromkeys(AUGMENTATIONS, 0.5) | {"rotate": 20, "shear": 20, "pad_crop": 2}
augment = jax.jit(build_augmentation(strengths))
images = np.random.default_rng(0).random((8, 12, 12, 4), np.float32)
targets = np.eye(8, dtype=np.float32)
mesh = jax.make_mesh((4,), ("data",), axis_types=(AxisType.Auto,))
arguments = jax.device_put((images, targets), NamedSharding(mesh, PartitionSpec("data")))
key = jax.random.key(0)
pairs = zip(augment(key, images, targets), augment(key, *arguments), strict=True)
for single, sharded in pairs:
    assert len(sharded.sharding.device_set) == 4
    np.testing.assert_allclose(single, sharded, atol=1e-5)
assert "all-gather" not in augment.lower(key, *arguments).compile().as_text()
"""


@pytest.mark.slow
def test_four_devices_compute_what_one_does_without_gathering():
    """In its own process, because the number of devices is fixed when JAX starts."""
    process = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr
