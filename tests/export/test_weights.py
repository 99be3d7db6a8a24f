"""Exported weights fit where their names are from."""

import jax
import numpy as np
import pytest
from safetensors.numpy import save_file

from gv_jax.export.weights import to_state_dict
from gv_jax.models.pretrained.load import load_pretrained
from gv_jax.training.step import SplitModule, make_predict
from tests.export.networks import random_network

MODELS = ["resnet18", "squeezenet1_1", "ninasr_b0", "efficientnet_lite0", "vit_tiny_patch16"]
LARGE = [
    *("resnet50", "vgg16_bn", "inception_v3", "efficientnetv2_s", "convnext_tiny"),
    "dinov2_vits14_reg",
]


def slow(*names):
    return [pytest.param(name, marks=pytest.mark.slow) for name in names]


@pytest.mark.parametrize("name", [*MODELS, *slow(*LARGE)])
def test_the_weights_are_read_back(name, tmp_path):
    network, weights = random_network(name, 3)
    tensors, _ = to_state_dict(network, weights)
    save_file(tensors, tmp_path / "model.safetensors")
    zeros = jax.tree.map(np.zeros_like, weights)
    model = load_pretrained(network.merge_eval(*zeros), tmp_path / "model.safetensors")
    other = SplitModule.from_module(model)
    restored, _ = to_state_dict(other, (other.params, other.batch_stats))
    assert restored.keys() == tensors.keys()
    for key, tensor in tensors.items():
        np.testing.assert_array_equal(restored[key], tensor, err_msg=key)


def test_models_without_counterpart_keep_their_names():
    network, weights = random_network("baseline", 3)
    tensors, naming = to_state_dict(network, weights)
    assert naming == "gv_jax"
    np.testing.assert_array_equal(tensors["conv1.kernel"], weights[0]["conv1"]["kernel"])


def test_kernels_have_the_order_of_pytorch():
    network, weights = random_network("resnet18", 3, classes=5)
    tensors, naming = to_state_dict(network, weights)
    assert naming == "torchvision"
    assert tensors["conv1.weight"].shape == (64, 3, 7, 7)
    assert tensors["fc.weight"].shape == (5, 512)
    assert tensors["conv1.weight"][9, 2, 4, 6] == weights[0]["conv1"]["kernel"][4, 6, 2, 9]
    assert tensors["layer1.0.bn2.running_var"].shape == (64,)


@pytest.mark.parametrize(
    ("name", "library"),
    [("efficientnet_lite0", "timm"), ("vit_tiny_patch16", "timm"), ("ninasr_b0", "torchSR")],
)
def test_the_library_of_the_names_is_recorded(name, library):
    assert to_state_dict(*random_network(name, 3))[1] == library


@pytest.mark.parametrize(
    "name", ["resnet18", *slow("resnet50", "squeezenet1_1", "vgg16_bn", "convnext_tiny")]
)
def test_torchvision_computes_the_same(name):
    torch, torchvision = pytest.importorskip("torch"), pytest.importorskip("torchvision")
    network, weights = random_network(name, 3, classes=5)
    tensors, _ = to_state_dict(network, weights)
    model = getattr(torchvision.models, name)(num_classes=5).eval()
    model.load_state_dict({key: torch.tensor(value) for key, value in tensors.items()})
    images = np.random.default_rng(0).normal(size=(2, 3, 64, 64)).astype(np.float32)
    with torch.no_grad():
        expected = model(torch.tensor(images)).numpy()
    outputs = make_predict(network)(*weights, images.transpose(0, 2, 3, 1))
    np.testing.assert_allclose(outputs, expected, rtol=1e-3, atol=1e-3)
