"""Backbones equal timm's on the same random weights, loaded from a file."""

import json
import sys
from types import ModuleType

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from safetensors.numpy import save_file

from gv_jax.errors import UserError
from gv_jax.models import build
from gv_jax.models.pretrained.load import load_pretrained

torch = pytest.importorskip("torch")
# torchvision's compiled operators need CUDA libraries, which the CPU build of torch lacks.
sys.modules.setdefault(name := "torchvision._meta_registrations", ModuleType(name))
timm = pytest.importorskip("timm")

EVALUATION = {"deterministic": True, "use_running_average": True, "raise_if_not_found": False}
COMPILER_OPTIONS = {"xla_backend_optimization_level": 0}  # each network runs once


def randomize(model, x):
    """Draws weights that keep the signal's variance, and running statistics of the images `x`."""
    torch.manual_seed(0)
    for module in model.modules():
        if isinstance(module, torch.nn.Conv2d | torch.nn.Linear):
            torch.nn.init.kaiming_normal_(module.weight)
        if hasattr(module, "gamma"):
            module.gamma.data.uniform_(0.1, 0.5)
        if isinstance(module, torch.nn.LayerNorm):
            module.weight.data.uniform_(0.5, 1.5)
            module.bias.data.normal_(0, 0.1)
        if isinstance(module, torch.nn.BatchNorm2d):
            module.weight.data.uniform_(0.5, 1.0)
            module.bias.data.normal_(0, 0.1)
            module.momentum = None  # the mean over all batches
    with torch.no_grad():
        model.train()(x)
    return model.eval()


def compute_both(name, size, channels, file, **options):
    """Outputs of timm's model of that name, and of this package's with its weights in `file`."""
    x = np.random.default_rng(0).standard_normal((4, *size, channels), np.float32)
    torch_x = torch.from_numpy(x.transpose(0, 3, 1, 2).copy())
    torch_model = randomize(timm.create_model(name, num_classes=10, in_chans=channels), torch_x)
    tensors = {key: value.numpy() for key, value in torch_model.state_dict().items()}
    save_file(tensors, file, {"pretrained_cfg": json.dumps({"architecture": name})})
    model = build(
        name.removeprefix("tf_"), inputs=channels, classes=10, rngs=nnx.Rngs(0), **options
    )
    model = nnx.view(load_pretrained(model, file), **EVALUATION)
    with torch.no_grad():
        expected = torch_model(torch_x).numpy()
    outputs = jax.jit(lambda x: model(x), compiler_options=COMPILER_OPTIONS)(jnp.asarray(x))
    return np.asarray(outputs), expected


@pytest.mark.parametrize(
    ("name", "size", "channels", "options"),
    [
        ("tf_efficientnet_lite0", (64, 45), 3, {}),
        pytest.param("tf_efficientnet_lite1", (33, 50), 4, {}, marks=pytest.mark.slow),
        pytest.param("tf_efficientnet_lite2", (37, 64), 1, {}, marks=pytest.mark.slow),
        ("efficientnet_lite0", (64, 45), 3, {"padding": "symmetric"}),
        pytest.param("convnext_tiny", (64, 45), 3, {}, marks=pytest.mark.slow),
    ],
)
def test_forward_pass_equals_timm_to_1e_4(name, size, channels, options, tmp_path):
    outputs, expected = compute_both(
        name, size, channels, tmp_path / "weights.safetensors", **options
    )
    largest = np.abs(expected).max()
    assert largest > 0.1
    assert np.abs(expected[0] - expected[1]).max() > 1e-2 * largest  # outputs depend on the image
    np.testing.assert_allclose(outputs, expected, atol=1e-4 * largest)


@pytest.mark.parametrize(
    ("name", "own", "other"),
    [
        ("tf_efficientnet_lite0", "same", "symmetric"),
        ("efficientnet_lite0", "symmetric", "same"),
    ],
)
def test_weights_of_the_other_padding_are_refused(name, own, other, tmp_path):
    file = tmp_path / "weights.safetensors"
    with pytest.raises(UserError, match=rf"{name}.*--config\.model\.padding={own}"):
        compute_both(name, (32, 32), 3, file, padding=other)
