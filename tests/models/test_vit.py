"""Vision transformers equal timm's on the same random weights, loaded from a file."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from safetensors.numpy import save_file

from gv_jax.models import build
from gv_jax.models.pretrained.load import load_pretrained

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
        ("vit_tiny_patch16", (224, 224), 3),
        ("vit_tiny_patch16", (37, 90), 4),
        ("vit_small_patch16", (48, 64), 3),
        pytest.param("vit_base_patch16", (32, 64), 3, marks=pytest.mark.slow),
        ("dinov2_vits14", (70, 56), 3),
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
