"""ResNets agree with PyTorch on the same random weights, under torchvision's names."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from gv_jax import models

torch = pytest.importorskip("torch")


def norm(features):
    return torch.nn.BatchNorm2d(features)


class Unit(torch.nn.Module):
    """torchvision's BasicBlock (kernels 3, 3) and Bottleneck (1, 3, 1; the stride is on the 3)."""

    def __init__(self, inputs, features, stride, kernels):
        super().__init__()
        widths = [features] * len(kernels) if len(kernels) == 2 else [features, features, 4 * features]
        strided = 0 if len(kernels) == 2 else 1
        self.convs = torch.nn.ModuleList()
        self.norms = torch.nn.ModuleList()
        before = inputs
        for index, (size, width) in enumerate(zip(kernels, widths, strict=True)):
            step = stride if index == strided else 1
            self.convs.append(torch.nn.Conv2d(before, width, size, step, size // 2, bias=False))
            self.norms.append(norm(width))
            before = width
        self.downsample = None
        if stride > 1 or inputs != before:
            self.downsample = torch.nn.Sequential(torch.nn.Conv2d(inputs, before, 1, stride, bias=False), norm(before))

    def forward(self, x):
        y = x
        for index, (conv, normal) in enumerate(zip(self.convs, self.norms, strict=True)):
            y = normal(conv(y))
            if index < len(self.convs) - 1:
                y = torch.relu(y)
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(torch.nn.Module):
    def __init__(self, stages, kernels, channels, classes):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(channels, 64, 7, 2, 3, bias=False)
        self.bn1 = norm(64)
        self.stages = torch.nn.ModuleList()
        inputs = 64
        for stage, count in enumerate(stages):
            units = torch.nn.ModuleList()
            for index in range(count):
                units.append(Unit(inputs, 64 * 2**stage, 2 if stage and not index else 1, kernels))
                inputs = 64 * 2**stage * (4 if len(kernels) == 3 else 1)
            self.stages.append(units)
        self.fc = torch.nn.Linear(inputs, classes)

    def forward(self, x):
        x = torch.nn.functional.max_pool2d(torch.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        for units in self.stages:
            for unit in units:
                x = unit(x)
        return self.fc(x.mean((2, 3)))


def put_conv(ours, theirs):
    ours.kernel[...] = jnp.asarray(theirs.weight.detach().numpy().transpose(2, 3, 1, 0))


def put_norm(ours, theirs):
    for mine, its in (("scale", "weight"), ("bias", "bias"), ("mean", "running_mean"), ("var", "running_var")):
        getattr(ours, mine)[...] = jnp.asarray(getattr(theirs, its).detach().numpy())


def put(ours, theirs):
    """Gives our ResNet the weights and statistics of PyTorch's."""
    put_conv(ours.conv1, theirs.conv1)
    put_norm(ours.norm1, theirs.bn1)
    for our_units, their_units in zip(ours.stages, theirs.stages, strict=True):
        for unit, its in zip(our_units, their_units, strict=True):
            for index, (conv, normal) in enumerate(zip(its.convs, its.norms, strict=True), start=1):
                put_conv(getattr(unit, f"conv{index}"), conv)
                put_norm(getattr(unit, f"norm{index}"), normal)
            if its.downsample is not None:
                put_conv(unit.shortcut.conv, its.downsample[0])
                put_norm(unit.shortcut.norm, its.downsample[1])
    ours.head.kernel[...] = jnp.asarray(theirs.fc.weight.detach().numpy().T)
    ours.head.bias[...] = jnp.asarray(theirs.fc.bias.detach().numpy())


@pytest.mark.parametrize(
    ("name", "stages", "kernels", "size", "channels"),
    [
        ("resnet18", (2, 2, 2, 2), (3, 3), 64, 3),
        ("resnet34", (3, 4, 6, 3), (3, 3), 32, 4),
        ("resnet50", (3, 4, 6, 3), (1, 3, 1), 64, 3),
    ],
)
def test_forward_pass_agrees_to_1e_4(name, stages, kernels, size, channels):
    torch.manual_seed(0)
    theirs = ResNet(stages, kernels, channels, 10)
    with torch.no_grad():
        for module in theirs.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.weight.uniform_(0.5, 1.0)
                module.bias.normal_(0, 0.1)
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 2.0)
    theirs.eval()
    ours = models.build(name, inputs=channels, classes=10, rngs=nnx.Rngs(0))
    put(ours, theirs)
    evaluation = nnx.view(ours, use_running_average=True)
    x = np.random.default_rng(0).standard_normal((2, size, size, channels), np.float32)
    with torch.no_grad():
        expected = theirs(torch.from_numpy(x.transpose(0, 3, 1, 2))).numpy()
    found = jax.jit(lambda x: evaluation(x))(x)
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(found, expected, atol=1e-4, rtol=1e-4)
