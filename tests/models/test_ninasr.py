"""NinaSR equals torchSR's: parameter count, forward pass, names of weights."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from gv_jax import models
from gv_jax.errors import UserError
from gv_jax.models.pretrained.load import load_pretrained
from gv_jax.models.stages import get_node
from gv_jax.models.summary import count_params
from tests.models.pretrained.state_dicts import key_map


def build(channels=3, seed=0):
    return models.build("ninasr_b0", inputs=channels, rngs=nnx.Rngs(seed))


def random_weights():
    """Random weights under torchSR's names."""
    rng = np.random.default_rng(0)
    shapes = {"head.0.bias": (1, 3, 1, 1), "head.1.weight": (16, 3, 3, 3)}
    block_shapes = {
        "0.weight": (32, 16, 3, 3),
        "0.bias": (32,),
        "2.body.1.weight": (8, 32, 1, 1),
        "2.body.1.bias": (8,),
        "2.body.3.weight": (32, 8, 1, 1),
        "2.body.3.bias": (32,),
        "3.weight": (16, 32, 3, 3),
    }
    for block in range(10):
        shapes |= {f"body.{block}.body.{name}": shape for name, shape in block_shapes.items()}
    shapes |= {"tail.0.weight": (12, 16, 3, 3), "tail.0.bias": (12,), "tail.2.bias": (1, 3, 1, 1)}
    return {
        name: (0.1 * rng.normal(size=shape)).astype(np.float32) for name, shape in shapes.items()
    }


def test_parameter_count_is_torchsrs():
    block = 16 * 32 * 9 + 32 + 32 * 8 + 8 + 8 * 32 + 32 + 32 * 16 * 9
    trainable = 3 * 16 * 9 + 10 * block + 16 * 12 * 9 + 12
    assert trainable == 100_172
    num_means = 6  # two mean colors, which are not trained
    assert count_params(nnx.eval_shape(build)) == (trainable + num_means, trainable)


@pytest.mark.parametrize(("size", "channels"), [((16, 16), 3), ((37, 50), 1), ((5, 33), 4)])
def test_outputs_are_twice_as_large(size, channels):
    x = jax.ShapeDtypeStruct((2, *size, channels), jnp.float32)
    outputs = jax.eval_shape(lambda x: build(channels)(x), x)
    assert outputs.shape == (2, 2 * size[0], 2 * size[1], channels)


def torchsr_forward(torch, weights, x):
    """torchSR's network of 10 blocks, 16 features and expansion 2, in PyTorch's functions."""
    functional = torch.nn.functional
    y = functional.conv2d(x + weights["head.0.bias"], weights["head.1.weight"], padding=1)
    shortcut = y
    variance, step = 1.0, 4 / 10
    for index in range(10):
        block = {
            name.split(".body.", 1)[1]: weight
            for name, weight in weights.items()
            if name.startswith(f"body.{index}.")
        }
        z = functional.conv2d(
            y / math.sqrt(variance), block["0.weight"], block["0.bias"], padding=1
        ).relu()
        a = functional.avg_pool2d(z, 31, 16, 15, count_include_pad=False)
        a = functional.conv2d(a, block["2.body.1.weight"], block["2.body.1.bias"]).relu()
        a = functional.conv2d(a, block["2.body.3.weight"], block["2.body.3.bias"]).sigmoid()
        a = functional.interpolate(a, scale_factor=16, mode="nearest")
        a = a[:, :, : z.shape[2], : z.shape[3]]
        y = y + functional.conv2d(z * a, block["3.weight"], padding=1) * (2 * step)
        variance += step**2
    y = functional.conv2d(y + shortcut, weights["tail.0.weight"], weights["tail.0.bias"], padding=1)
    return functional.pixel_shuffle(y, 2) + weights["tail.2.bias"]


@pytest.mark.parametrize("size", [(48, 32), (37, 50)])
def test_forward_pass_equals_torchsr_to_1e_4(size, tmp_path):
    torch = pytest.importorskip("torch")
    weights = random_weights()
    np.savez(tmp_path / "weights.npz", **weights)
    model = load_pretrained(build(), tmp_path / "weights.npz")
    x = np.random.default_rng(1).random((2, *size, 3)).astype(np.float32)
    tensors = {name: torch.from_numpy(value) for name, value in weights.items()}
    with torch.no_grad():
        expected = torchsr_forward(torch, tensors, torch.from_numpy(x.transpose(0, 3, 1, 2)))
    outputs = jax.jit(lambda x: model(x))(jnp.asarray(x))
    np.testing.assert_allclose(outputs, expected.numpy().transpose(0, 2, 3, 1), atol=1e-4)


def test_key_map_has_each_variable():
    model = build()
    mapped = sum(get_node(model, target).size for target in key_map(model).values())
    assert mapped == count_params(model)[0]


def test_error_for_gray_weights_in_a_color_model(tmp_path):
    weights = random_weights() | {"head.0.bias": np.zeros((1, 1, 1, 1), np.float32)}
    np.savez(tmp_path / "weights.npz", **weights)
    match = r"weights\.npz.*head\.0\.bias \[1, 1, 1, 1\], expected \[3\]"
    with pytest.raises(UserError, match=match):
        load_pretrained(build(), tmp_path / "weights.npz")
