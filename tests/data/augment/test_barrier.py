"""The barrier between augmentations: an identity that CPU programs keep, for every platform."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gv_jax.data.augment.augmentations import AUGMENTATIONS, build_augmentation, chain_augmentations
from gv_jax.data.augment.barrier import fusion_barrier


def test_changes_nothing():
    images = jnp.linspace(0, 1, 24).reshape(1, 2, 3, 4)
    np.testing.assert_array_equal(jax.jit(fusion_barrier)(images, jnp.bool(False)), images)


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="only the CPU has barriers")
def test_separates_all_augmentations_of_a_compiled_chain():
    names = ("rotate", "shear", "mixup")
    augment = chain_augmentations([AUGMENTATIONS[name](1.0) for name in names])
    arguments = jax.random.key(0), jnp.zeros((4, 8, 8, 3)), jnp.zeros((4, 2))
    lines = str(jax.jit(augment).lower(*arguments).compile().as_text()).splitlines()
    assert sum(" while(" in line and "f32[4,8,8,3]" in line for line in lines) == 3


@pytest.mark.parametrize("platform", ["cpu", "cuda", "tpu"])
def test_all_augmentations_lower_for_every_platform(platform):
    strengths = dict.fromkeys(AUGMENTATIONS, 0.5) | {"pad_crop": 2}
    arguments = jax.random.key(0), jnp.zeros((4, 8, 8, 4)), jnp.zeros((4, 2))
    traced = jax.jit(build_augmentation(strengths)).trace(*arguments)
    assert traced.lower(lowering_platforms=(platform,)).as_text()
