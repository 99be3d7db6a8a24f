"""Vision transformers equal timm's on the same random weights, loaded from a file."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from safetensors.numpy import save_file

from gv_jax.errors import UserError
from gv_jax.export.weights import to_state_dict
from gv_jax.models import build
from gv_jax.models.pretrained.load import load_pretrained
from tests.export.networks import random_network

COMPILER_OPTIONS = {"xla_backend_optimization_level": 0}  # each network runs once
TIMM_NAMES = {
    "vit_tiny_patch16": "vit_tiny_patch16_224",
    "vit_small_patch16": "vit_small_patch16_224",
    "vit_base_patch16": "vit_base_patch16_224",
    "dinov2_vits14": "vit_small_patch14_dinov2",
    "dinov2_vits14_reg": "vit_small_patch14_reg4_dinov2",
}


def timm_model(name, **options):
    """timm's model for 10 classes with weights that all matter."""
    torch, timm = pytest.importorskip("torch"), pytest.importorskip("timm")
    model = timm.create_model(
        TIMM_NAMES[name], num_classes=10, dynamic_img_size=True, dynamic_img_pad=True, **options
    ).eval()
    rng = torch.Generator().manual_seed(0)
    for key, tensor in model.state_dict().items():
        values = torch.randn(tensor.shape, generator=rng)
        if tensor.ndim > 1 and key.endswith("weight"):
            values = values / tensor[0].numel() ** 0.5
        elif key.endswith(("norm.weight", "norm1.weight", "norm2.weight", "gamma")):
            values = 1 + 0.1 * values
        else:
            values = 0.3 * values
        tensor.copy_(values)
    return model


@pytest.mark.parametrize(
    ("name", "size", "channels"),
    [
        pytest.param("vit_tiny_patch16", (224, 224), 3, marks=pytest.mark.slow),
        ("vit_tiny_patch16", (37, 90), 4),
        pytest.param("vit_small_patch16", (48, 64), 3, marks=pytest.mark.slow),
        pytest.param("vit_base_patch16", (32, 64), 3, marks=pytest.mark.slow),
        pytest.param("dinov2_vits14", (70, 56), 3, marks=pytest.mark.slow),
        ("dinov2_vits14_reg", (56, 40), 1),
    ],
)
def test_forward_pass_equals_timm_to_1e_4(name, size, channels, tmp_path):
    model = timm_model(name, in_chans=channels)
    import torch

    x = np.random.default_rng(0).standard_normal((2, *size, channels), np.float32)
    with torch.no_grad():
        expected = model(torch.from_numpy(x.transpose(0, 3, 1, 2).copy())).numpy()
    tensors = {key: value.numpy() for key, value in model.state_dict().items()}
    save_file(tensors, tmp_path / "weights.safetensors")
    network = build(name, inputs=channels, classes=10, rngs=nnx.Rngs(0))
    network = load_pretrained(network, tmp_path / "weights.safetensors")
    network = nnx.view(network, deterministic=True)
    outputs = jax.jit(lambda x: network(x), compiler_options=COMPILER_OPTIONS)(jnp.asarray(x))
    assert np.abs(expected).max() > 0.3
    assert np.abs(expected[0] - expected[1]).max() > 1e-2
    np.testing.assert_allclose(outputs, expected, atol=1e-4 * np.abs(expected).max())


def state_dict(**tensors):
    """The weights of a network in timm's names, with some replaced or, where None, left out."""
    network, weights = random_network("vit_tiny_patch16", 3, classes=10)
    tensors = to_state_dict(network, weights)[0] | tensors
    return {key: tensor for key, tensor in tensors.items() if tensor is not None}


def load(tensors, folder):
    save_file(tensors, folder / "weights.safetensors")
    network = build("vit_tiny_patch16", inputs=3, classes=10, rngs=nnx.Rngs(0))
    return load_pretrained(network, folder / "weights.safetensors")


def test_a_position_table_of_another_grid_is_interpolated(tmp_path):
    row, column = np.meshgrid(np.arange(7.0), np.arange(7.0), indexing="ij")
    patches = np.stack([row, column, 0 * row + 3], -1).reshape(1, 49, 3)
    table = np.concatenate([np.full((1, 1, 3), 9), patches], 1)
    table = np.tile(table, 64).astype(np.float32)
    network = load(state_dict(pos_embed=table), tmp_path)
    loaded = np.asarray(network.embedding.pos_embed[...])
    assert loaded.shape == (1, 197, 192)
    np.testing.assert_allclose(loaded[0, 0], 9)
    grid = loaded[0, 1:, :3].reshape(14, 14, 3)[4:-4, 4:-4]  # away from the edge it is linear
    places = (np.arange(14) + 0.5) / 2 - 0.5
    expected = np.broadcast_to(places[4:-4, None], (6, 6))
    np.testing.assert_allclose(
        grid, np.stack([expected, expected.T, 0 * expected + 3], -1), atol=1e-5
    )


def test_a_position_table_without_class_token_has_zeros_there(tmp_path):
    table = np.ones((1, 196, 192), np.float32)
    loaded = load(state_dict(pos_embed=table), tmp_path).embedding.pos_embed[...]
    np.testing.assert_array_equal(loaded[0, 0], 0)
    np.testing.assert_array_equal(loaded[0, 1:], 1)


@pytest.mark.parametrize("shape", [(1, 198, 192), (1, 197, 96)])
def test_an_error_for_other_positions_names_both_shapes(shape, tmp_path):
    first, last = shape[1:]
    with pytest.raises(UserError, match=rf"\[1, {first}, {last}\].*\[1, 197, 192\]") as error:
        load(state_dict(pos_embed=np.zeros(shape, np.float32)), tmp_path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("width", "model", "prefix"), [(384, "vit_small_patch16", "model."), (1024, "", "")]
)
def test_a_position_table_of_another_width_names_the_likely_model(width, model, prefix, tmp_path):
    tensors = state_dict(pos_embed=np.zeros((1, 197, width), np.float32))
    with pytest.raises(UserError) as error:
        load({prefix + name: tensor for name, tensor in tensors.items()}, tmp_path)
    line = str(error.value)
    assert "\n" not in line
    assert all(word in line for word in ["pos_embed", f"[1, 197, {width}]", "[1, 197, 192]", model])
    assert ("vit_" in line) == bool(model)
    assert "no weights" not in line


@pytest.mark.slow  # draws the weights of a larger network
def test_weights_of_another_size_name_it_and_both_position_tables(tmp_path):
    network, weights = random_network("vit_small_patch16", 3, classes=10)
    with pytest.raises(UserError) as error:
        load(to_state_dict(network, weights)[0], tmp_path)
    line = str(error.value)
    assert "\n" not in line
    expected = ["--config.model.name=vit_small_patch16", "[1, 197, 384]", "[1, 197, 192]"]
    assert all(word in line for word in ["pos_embed", *expected])


def test_dinov2_loads_its_own_names_without_a_head(tmp_path):
    network, weights = random_network("dinov2_vits14_reg", 3, classes=10)
    tensors, library = to_state_dict(network, weights)
    assert (library, tensors["register_tokens"].shape) == ("dinov2", (1, 4, 384))
    tensors = {key: value for key, value in tensors.items() if not key.startswith("head.")}
    save_file(tensors | {"mask_token": np.zeros((1, 384), np.float32)}, tmp_path / "w.safetensors")
    model = build("dinov2_vits14_reg", inputs=3, classes=2, rngs=nnx.Rngs(0))
    model = load_pretrained(model, tmp_path / "w.safetensors", without=("head",))
    registers = model.embedding.registers[...]
    np.testing.assert_array_equal(registers, tensors["register_tokens"])


def test_training_lowers_the_loss_in_bfloat16():
    model = build("vit_tiny_patch16", inputs=1, classes=2, last_stage="stage1", rngs=nnx.Rngs(0))
    graph, params, rest = nnx.split(model, nnx.Param, ...)
    x = jax.random.normal(jax.random.key(0), (4, 32, 32, 1), jnp.bfloat16)
    labels = jnp.arange(4) % 2

    @jax.jit
    def step(params):
        def loss_of(params):
            logits = nnx.merge(graph, params, rest, copy=True)(x)
            assert logits.dtype == jnp.float32
            return -jax.nn.log_softmax(logits)[jnp.arange(4), labels].mean()

        loss, gradient = jax.value_and_grad(loss_of)(params)
        return loss, jax.tree.map(lambda value, change: value - 0.05 * change, params, gradient)

    losses = []
    with jax.numpy_dtype_promotion("standard"):  # JAX's own attention needs it
        for _ in range(8):
            loss, params = step(params)
            losses.append(float(loss))
    assert losses[-1] < 0.5 * losses[0]
