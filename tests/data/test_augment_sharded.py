import subprocess
import sys

PROGRAM = """
import jax, numpy as np
jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_num_cpu_devices", 4)
from jax.sharding import AxisType, NamedSharding, PartitionSpec
from gv_jax.data.augment.augmentations import AUGMENTATIONS, build
augment = jax.jit(build(dict.fromkeys(AUGMENTATIONS, 0.5) | {"rotate": 20, "shear": 20, "pad_crop": 2}))
images = np.random.default_rng(0).random((8, 12, 12, 4), np.float32)
targets = np.eye(8, dtype=np.float32)
mesh = jax.make_mesh((4,), ("data",), axis_types=(AxisType.Auto,))
arguments = jax.device_put((images, targets), NamedSharding(mesh, PartitionSpec("data")))
key = jax.random.key(0)
for one, many in zip(augment(key, images, targets), augment(key, *arguments), strict=True):
    assert len(many.sharding.device_set) == 4
    np.testing.assert_allclose(one, many, atol=1e-5)
assert "all-gather" not in augment.lower(key, *arguments).compile().as_text()
"""


def test_four_devices_do_what_one_does_each_on_its_part():
    """In a process of its own, because the number of devices is fixed when JAX starts."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
