"""A found layer answers as it should inside of the network, also where it is a convolution before a ReLU."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from gv_jax.data.augment.tta import tta_transforms
from gv_jax.models.layers import Conv
from gv_jax.models.stages import classifier_path
from gv_jax.tasks.classification import Classification
from gv_jax.training.features import make_features
from gv_jax.training.probe import replace_head
from gv_jax.training.step import SplitModule, init_train_state, make_eval_step


class Squeeze(nnx.Module):
    """Means over pixels of what a ReLU leaves of a 1x1 convolution, as in SqueezeNet."""

    def __init__(self, *, rngs: nnx.Rngs):
        self.stem = Conv(3, 6, 3, rngs=rngs)
        self.head = Conv(6, 4, 1, use_bias=True, rngs=rngs)

    def stages(self):
        return {"stem": ("stem",), "head": ("head",)}

    def __call__(self, x):
        return nnx.relu(self.head(nnx.relu(self.stem(x)))).mean((1, 2))


class Mean(Squeeze):
    """A linear layer of means over pixels, as in residual networks."""

    def __init__(self, *, rngs: nnx.Rngs):
        super().__init__(rngs=rngs)
        self.head = nnx.Linear(6, 4, rngs=rngs)

    def __call__(self, x):
        return self.head(nnx.relu(self.stem(x)).mean((1, 2)))


@pytest.mark.parametrize("family", [Squeeze, Mean])
def test_answers_are_those_of_the_linear_classifier_but_for_one_number(family):
    model = family(rngs=nnx.Rngs(0))
    network, task, layer = SplitModule.of(model), Classification(4), classifier_path(model, "toy")
    state = init_train_state(network, optax.identity(), average=True)
    draws = np.random.default_rng(0)
    images = draws.integers(0, 256, (8, 5, 5, 3), dtype=np.uint8)
    batch = {"image": jnp.asarray(images), "label": jnp.zeros(8, jnp.int32)}
    found, longest = make_features(network, task, layer, tta_transforms(flip=True, shift=0))(
        *state.weights, batch
    )
    assert found.shape == (8, 2, 6)
    np.testing.assert_allclose(found[:, 0], model_features(network, images), atol=1e-4)
    np.testing.assert_allclose(found[:, 1], model_features(network, images[:, :, ::-1]), atol=1e-4)
    kernel, bias = draws.normal(size=(6, 4)), draws.normal(size=4)
    changed = replace_head(state, layer, kernel, bias, float(longest.max()))
    answers, _ = make_eval_step(network, task)(*changed.weights, batch)
    gap = np.asarray(answers) - (np.asarray(found[:, 0]) @ kernel + bias)
    np.testing.assert_allclose(gap, gap.mean(), atol=1e-3)
    assert bool(np.abs(gap.mean()) < 1e-5) is (family is Mean)
    assert changed.params["stem"] is state.params["stem"]


def model_features(network, images):
    """By NumPy: the convolution tap by tap, ReLU, mean."""
    x = np.pad((images / 255 - 0.5) / 0.25, ((0, 0), (1, 1), (1, 1), (0, 0)))
    kernel = np.asarray(network.params["stem"]["kernel"])
    total = sum(x[:, i : i + 5, j : j + 5] @ kernel[i, j] for i in range(3) for j in range(3))
    return np.maximum(total, 0).mean((1, 2))
