import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gv_jax.data.augment import AUGMENTATIONS, build, chain
from gv_jax.data.fence import fence


def test_changes_nothing():
    images = jnp.linspace(0, 1, 24).reshape(1, 2, 3, 4)
    np.testing.assert_array_equal(jax.jit(fence)(images, jnp.bool(False)), images)


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="only the CPU needs the fence")
def test_what_is_before_it_is_not_computed_for_every_reader():
    arguments = jax.random.key(0), jnp.zeros((4, 8, 8, 3)), jnp.zeros((4, 2))

    def gathers(names):
        compiled = jax.jit(chain([AUGMENTATIONS[name](1.0) for name in names])).lower(*arguments).compile()
        return str(compiled.as_text()).count(" gather(")

    assert 0 < gathers(["rotate", "mixup"]) == gathers(["rotate"])  # mixup reads every picture twice


@pytest.mark.parametrize("platform", ["cpu", "cuda", "tpu"])
def test_all_augmentations_lower_for_every_platform(platform):
    strengths = dict.fromkeys(AUGMENTATIONS, 0.5) | {"pad_crop": 2}
    arguments = jax.random.key(0), jnp.zeros((4, 8, 8, 4)), jnp.zeros((4, 2))
    assert jax.jit(build(strengths)).trace(*arguments).lower(lowering_platforms=(platform,)).as_text()
