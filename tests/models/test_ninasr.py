"""NinaSR against torchSR's: its parameter count, its forward pass, its names of weights."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from gv_jax import models
from gv_jax.errors import UserError
from gv_jax.models.layers import pixel_shuffle
from gv_jax.models.pretrained import key_maps, load
from gv_jax.models.summary import count_params


def build(channels=3, seed=0):
    return models.build("ninasr_b0", inputs=channels, rngs=nnx.Rngs(seed))


def tensors():
    """Random weights under torchSR's names."""
    draws = np.random.default_rng(0)
    shapes = {"head.0.bias": (1, 3, 1, 1), "head.1.weight": (16, 3, 3, 3)}
    for unit in range(10):
        inside = {
            "0.weight": (32, 16, 3, 3),
            "0.bias": (32,),
            "2.body.1.weight": (8, 32, 1, 1),
            "2.body.1.bias": (8,),
            "2.body.3.weight": (32, 8, 1, 1),
            "2.body.3.bias": (32,),
            "3.weight": (16, 32, 3, 3),
        }
        shapes |= {f"body.{unit}.body.{name}": shape for name, shape in inside.items()}
    shapes |= {"tail.0.weight": (12, 16, 3, 3), "tail.0.bias": (12,), "tail.2.bias": (1, 3, 1, 1)}
    return {
        name: (0.1 * draws.normal(size=shape)).astype(np.float32) for name, shape in shapes.items()
    }


def test_parameters_are_as_many_as_torchsrs():
    trained = (
        3 * 16 * 9
        + 10 * (16 * 32 * 9 + 32 + 32 * 8 + 8 + 8 * 32 + 32 + 32 * 16 * 9)
        + 16 * 12 * 9
        + 12
    )
    assert trained == 100_172
    assert count_params(nnx.eval_shape(build)) == (
        trained + 6,
        trained,
    )  # two mean colours are kept, not trained


@pytest.mark.parametrize(("size", "channels"), [((16, 16), 3), ((37, 50), 1), ((5, 33), 4)])
def test_pictures_come_out_twice_as_large(size, channels):
    def enlarge(x):
        return build(channels)(x)

    outputs = jax.eval_shape(enlarge, jax.ShapeDtypeStruct((2, *size, channels), jnp.float32))
    assert outputs.shape == (2, 2 * size[0], 2 * size[1], channels)


def test_pixel_shuffle_agrees_with_pytorch():
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 12)).astype(np.float32)
    expected = (
        torch.pixel_shuffle(torch.from_numpy(x.transpose(0, 3, 1, 2)), 2)
        .numpy()
        .transpose(0, 2, 3, 1)
    )
    np.testing.assert_array_equal(pixel_shuffle(jnp.asarray(x), 2), expected)


def reference(torch, weights, x):
    """torchSR's network of 10 units, 16 features and expansion 2, in PyTorch's functions."""
    functional = torch.nn.functional
    y = functional.conv2d(x + weights["head.0.bias"], weights["head.1.weight"], padding=1)
    first = y
    variance, share = 1.0, 4 / 10
    for unit in range(10):
        mine = {
            name.split(".body.", 1)[1]: w
            for name, w in weights.items()
            if name.startswith(f"body.{unit}.")
        }
        z = functional.conv2d(
            y / math.sqrt(variance), mine["0.weight"], mine["0.bias"], padding=1
        ).relu()
        a = functional.avg_pool2d(z, 31, 16, 15, count_include_pad=False)
        a = functional.conv2d(a, mine["2.body.1.weight"], mine["2.body.1.bias"]).relu()
        a = functional.conv2d(a, mine["2.body.3.weight"], mine["2.body.3.bias"]).sigmoid()
        a = functional.interpolate(a, scale_factor=16, mode="nearest")[
            :, :, : z.shape[2], : z.shape[3]
        ]
        y = y + functional.conv2d(z * a, mine["3.weight"], padding=1) * (2 * share)
        variance += share**2
    y = functional.conv2d(y + first, weights["tail.0.weight"], weights["tail.0.bias"], padding=1)
    return functional.pixel_shuffle(y, 2) + weights["tail.2.bias"]


@pytest.mark.parametrize("size", [(48, 32), (37, 50)])
def test_forward_pass_agrees_with_pytorch_to_1e_4(size, tmp_path):
    torch = pytest.importorskip("torch")
    weights = tensors()
    np.savez(tmp_path / "weights.npz", **weights)
    model = build()
    load.load_pretrained(model, tmp_path / "weights.npz")
    x = np.random.default_rng(1).random((2, *size, 3)).astype(np.float32)
    with torch.no_grad():
        named = {name: torch.from_numpy(value) for name, value in weights.items()}
        expected = (
            reference(torch, named, torch.from_numpy(x.transpose(0, 3, 1, 2)))
            .numpy()
            .transpose(0, 2, 3, 1)
        )
    np.testing.assert_allclose(model(jnp.asarray(x)), expected, atol=1e-4)


def test_every_variable_of_the_model_has_a_row_in_its_table():
    model = build()
    named = sum(
        load.get_variable(model, path).size
        for path in key_maps.ninasr_keys(model)[0]["network"].values()
    )
    assert named == count_params(model)[0]


def test_grey_weights_fit_no_colour_model(tmp_path):
    weights = tensors() | {"head.0.bias": np.zeros((1, 1, 1, 1), np.float32)}
    np.savez(tmp_path / "weights.npz", **weights)
    with pytest.raises(
        UserError, match=r"of another shape: head\.0\.bias \[1, 1, 1, 1\] for \[3\]"
    ):
        load.load_pretrained(build(), tmp_path / "weights.npz")
