"""Each backbone equals torchvision's on the same random weights, loaded from a file."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from gv_jax.models import build, vgg
from gv_jax.models.pretrained.load import load_pretrained

torch = pytest.importorskip("torch")
torchvision = pytest.importorskip("torchvision")

# With random weights, torchvision in float32 differs from itself in float64 by 2e-4.
ILL_CONDITIONED = ("inception_v3",)
COMPILER_OPTIONS = {"xla_backend_optimization_level": 0}  # each network runs once
DENSE_FEATURES = 32  # of VGG; 4,096 would be half a gigabyte
BUILDERS = {
    "resnet18": torchvision.models.resnet18,
    "resnet34": torchvision.models.resnet34,
    "resnet50": torchvision.models.resnet50,
    "vgg16": torchvision.models.vgg16,
    "vgg16_bn": torchvision.models.vgg16_bn,
    "squeezenet1_1": torchvision.models.squeezenet1_1,
    "efficientnetv2_s": torchvision.models.efficientnet_v2_s,
    "inception_v3": torchvision.models.inception_v3,
    "convnext_tiny": torchvision.models.convnext_tiny,
    "convnext_small": torchvision.models.convnext_small,
}
OPTIONS = {
    "vgg16": {"init_weights": False},
    "vgg16_bn": {"init_weights": False},
    "inception_v3": {"init_weights": False, "aux_logits": False},
}


def torchvision_model(name, channels):
    """The model for images with `channels` and 10 classes."""
    model = BUILDERS[name](num_classes=10, **OPTIONS.get(name, {}))
    if isinstance(model, torchvision.models.VGG):
        width = DENSE_FEATURES
        for index, sizes in {0: (512 * 49, width), 3: (width, width), 6: (width, 10)}.items():
            model.classifier[index] = torch.nn.Linear(*sizes)
    if channels != 3:
        path, conv = next(
            (path, module)
            for path, module in model.named_modules()
            if isinstance(module, torch.nn.Conv2d)
        )
        sizes = (conv.out_channels, conv.kernel_size, conv.stride, conv.padding)
        has_bias = conv.bias is not None
        model.set_submodule(path, torch.nn.Conv2d(channels, *sizes, bias=has_bias))
    return model


def randomize(model, x):
    """Draws weights that keep the signal's variance, and running statistics of the images `x`."""
    torch.manual_seed(0)
    for module in model.modules():
        if isinstance(module, torch.nn.Conv2d | torch.nn.Linear):
            torch.nn.init.kaiming_normal_(module.weight)
            if module.bias is not None:
                torch.nn.init.normal_(module.bias, 0, 0.1)
        if hasattr(module, "layer_scale"):
            module.layer_scale.data.uniform_(0.1, 0.5)
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


@pytest.mark.parametrize(
    ("name", "size", "channels"),
    [
        ("resnet18", (64, 64), 3),
        ("resnet34", (32, 32), 4),
        ("resnet50", (64, 48), 3),
        ("vgg16", (64, 97), 3),
        ("vgg16_bn", (32, 40), 1),
        ("squeezenet1_1", (56, 47), 3),
        ("efficientnetv2_s", (64, 45), 3),
        ("inception_v3", (75, 92), 3),
        ("convnext_tiny", (64, 45), 3),
        pytest.param("convnext_small", (33, 50), 4, marks=pytest.mark.slow),
    ],
)
def test_forward_pass_equals_torchvision_to_1e_4(name, size, channels, tmp_path, monkeypatch):
    monkeypatch.setattr(vgg, "DENSE_FEATURES", DENSE_FEATURES)
    x = np.random.default_rng(0).standard_normal((4, *size, channels), np.float32)
    torch_x = torch.from_numpy(x.transpose(0, 3, 1, 2).copy())
    torch_model = randomize(torchvision_model(name, channels), torch_x)
    np.savez(
        tmp_path / "weights.npz",
        **{key: value.numpy() for key, value in torch_model.state_dict().items()},
    )
    model = build(name, inputs=channels, classes=10, rngs=nnx.Rngs(0))
    model = nnx.view(
        load_pretrained(model, tmp_path / "weights.npz"),
        deterministic=True,
        use_running_average=True,
        raise_if_not_found=False,
    )
    if name in ILL_CONDITIONED:
        x, torch_x, torch_model = x.astype(np.float64), torch_x.double(), torch_model.double()
    with torch.no_grad():
        expected = torch_model(torch_x).numpy()
    with jax.enable_x64(name in ILL_CONDITIONED), jax.numpy_dtype_promotion("standard"):
        outputs = jax.jit(lambda x: model(x), compiler_options=COMPILER_OPTIONS)(jnp.asarray(x))
    largest = np.abs(expected).max()
    assert largest > 0.1
    assert np.abs(expected[0] - expected[1]).max() > 1e-2 * largest  # outputs depend on the image
    np.testing.assert_allclose(outputs, expected, atol=1e-4 * largest)
