"""The trunks in PyTorch, under torchvision's names: what ours are held against."""

import pytest

torch = pytest.importorskip("torch")
nn = torch.nn


class Unit(nn.Module):
    """torchvision's BasicBlock (kernels 3, 3) and Bottleneck (1, 3, 1; the stride is on the 3)."""

    def __init__(self, inputs, features, stride, kernels):
        super().__init__()
        outputs = features * (4 if len(kernels) == 3 else 1)
        widths = [*[features] * (len(kernels) - 1), outputs]
        self.count = len(kernels)
        before = inputs
        for number, (size, width) in enumerate(zip(kernels, widths, strict=True), 1):
            step = stride if number == self.count - 1 else 1
            setattr(
                self, f"conv{number}", nn.Conv2d(before, width, size, step, size // 2, bias=False)
            )
            setattr(self, f"bn{number}", nn.BatchNorm2d(width))
            before = width
        self.downsample = None
        if stride > 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x):
        y = x
        for number in range(1, self.count + 1):
            y = getattr(self, f"bn{number}")(getattr(self, f"conv{number}")(y))
            y = torch.relu(y) if number < self.count else y
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    def __init__(self, stages, kernels, channels, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        inputs = 64
        for stage, count in enumerate(stages):
            units = []
            for index in range(count):
                units.append(Unit(inputs, 64 * 2**stage, 2 if stage and not index else 1, kernels))
                inputs = 64 * 2**stage * (4 if len(kernels) == 3 else 1)
            setattr(self, f"layer{stage + 1}", nn.Sequential(*units))
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x):
        x = nn.functional.max_pool2d(torch.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        for stage in range(1, 5):
            x = getattr(self, f"layer{stage}")(x)
        return self.fc(x.mean((2, 3)))


class VGG(nn.Module):
    def __init__(self, normed, hidden, channels, classes):
        super().__init__()
        layers, inputs = [], channels
        for features in (
            64,
            64,
            0,
            128,
            128,
            0,
            256,
            256,
            256,
            0,
            512,
            512,
            512,
            0,
            512,
            512,
            512,
            0,
        ):
            if not features:
                layers.append(nn.MaxPool2d(2))
                continue
            layers += [
                nn.Conv2d(inputs, features, 3, padding=1),
                *([nn.BatchNorm2d(features)] if normed else []),
            ]
            layers.append(nn.ReLU())
            inputs = features
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(7)
        dense = [
            nn.Linear(512 * 49, hidden),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
        ]
        self.classifier = nn.Sequential(*dense, nn.Dropout(), nn.Linear(hidden, classes))

    def forward(self, x):
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


class Fire(nn.Module):
    def __init__(self, inputs, squeezed, features):
        super().__init__()
        self.squeeze = nn.Conv2d(inputs, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, features, 1)
        self.expand3x3 = nn.Conv2d(squeezed, features, 3, padding=1)

    def forward(self, x):
        x = torch.relu(self.squeeze(x))
        return torch.cat([torch.relu(self.expand1x1(x)), torch.relu(self.expand3x3(x))], 1)


class SqueezeNet(nn.Module):
    def __init__(self, channels, classes):
        super().__init__()

        def pool():
            return nn.MaxPool2d(3, 2, ceil_mode=True)

        self.features = nn.Sequential(
            *(
                nn.Conv2d(channels, 64, 3, 2),
                nn.ReLU(),
                pool(),
                Fire(64, 16, 64),
                Fire(128, 16, 64),
                pool(),
            ),
            *(
                Fire(128, 32, 128),
                Fire(256, 32, 128),
                pool(),
                Fire(256, 48, 192),
                Fire(384, 48, 192),
            ),
            *(Fire(384, 64, 256), Fire(512, 64, 256)),
        )
        self.classifier = nn.Sequential(
            nn.Dropout(), nn.Conv2d(512, classes, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1)
        )

    def forward(self, x):
        return self.classifier(self.features(x)).flatten(1)


def conv_norm(inputs, features, size, stride=1, groups=1, active=True):
    convolution = nn.Conv2d(inputs, features, size, stride, size // 2, groups=groups, bias=False)
    return nn.Sequential(
        convolution, nn.BatchNorm2d(features, eps=1e-3), *([nn.SiLU()] if active else [])
    )


class Excitation(nn.Module):
    def __init__(self, features, squeezed):
        super().__init__()
        self.fc1, self.fc2 = nn.Conv2d(features, squeezed, 1), nn.Conv2d(squeezed, features, 1)

    def forward(self, x):
        mean = x.mean((2, 3), keepdim=True)
        return x * torch.sigmoid(self.fc2(nn.functional.silu(self.fc1(mean))))


class MobileUnit(nn.Module):
    """torchvision's FusedMBConv and MBConv."""

    def __init__(self, fused, expansion, stride, inputs, features):
        super().__init__()
        wide = expansion * inputs
        if fused and expansion == 1:
            layers = [conv_norm(inputs, features, 3, stride)]
        elif fused:
            layers = [
                conv_norm(inputs, wide, 3, stride),
                conv_norm(wide, features, 1, active=False),
            ]
        else:
            layers = [conv_norm(inputs, wide, 1), conv_norm(wide, wide, 3, stride, groups=wide)]
            layers += [Excitation(wide, inputs // 4), conv_norm(wide, features, 1, active=False)]
        self.block = nn.Sequential(*layers)
        self.same = stride == 1 and inputs == features

    def forward(self, x):
        return x + self.block(x) if self.same else self.block(x)


class EfficientNetV2(nn.Module):
    def __init__(self, channels, classes):
        super().__init__()
        table = [(True, 1, 1, 24, 24, 2), (True, 4, 2, 24, 48, 4), (True, 4, 2, 48, 64, 4)]
        table += [
            (False, 4, 2, 64, 128, 6),
            (False, 6, 1, 128, 160, 9),
            (False, 6, 2, 160, 256, 15),
        ]
        stages = [conv_norm(channels, 24, 3, 2)]
        for fused, expansion, stride, inputs, features, count in table:
            units = [MobileUnit(fused, expansion, stride, inputs, features)]
            units += [MobileUnit(fused, expansion, 1, features, features) for _ in range(count - 1)]
            stages.append(nn.Sequential(*units))
        self.features = nn.Sequential(*stages, conv_norm(256, 1280, 1))
        self.classifier = nn.Sequential(nn.Dropout(), nn.Linear(1280, classes))

    def forward(self, x):
        return self.classifier(self.features(x).mean((2, 3)))


class ConvUnit(nn.Module):
    def __init__(self, inputs, features, size, stride=1, padding=0):
        super().__init__()
        self.conv = nn.Conv2d(inputs, features, size, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(features, eps=1e-3)

    def forward(self, x):
        return torch.relu(self.bn(self.conv(x)))


def mean3(x):
    return nn.functional.avg_pool2d(x, 3, 1, 1)


class Mixed(nn.Module):
    """A unit of torchvision's Inception-v3: `layers` by name; `flow` says what goes through which, side by side."""

    def __init__(self, layers, flow, pool):
        super().__init__()
        for name, layer in layers.items():
            self.add_module(name, layer)
        self.flow, self.pool = flow, pool

    def forward(self, x):
        outputs = []
        for names in self.flow:
            y = x
            for name in names:
                y = (
                    torch.cat([getattr(self, end)(y) for end in name], 1)
                    if isinstance(name, tuple)
                    else getattr(self, name)(y)
                )
            outputs.append(y)
        pooled = self.pool(x)
        outputs.append(self.branch_pool(pooled) if hasattr(self, "branch_pool") else pooled)
        return torch.cat(outputs, 1)


def halved(x):
    return nn.functional.max_pool2d(x, 3, 2)


def branch(name, *layers):
    return {f"{name}_{number}": layer for number, layer in enumerate(layers, 1)}


def mixed_a(inputs, pooled):
    five = branch("branch5x5", ConvUnit(inputs, 48, 1), ConvUnit(48, 64, 5, 1, 2))
    double = branch(
        "branch3x3dbl",
        ConvUnit(inputs, 64, 1),
        ConvUnit(64, 96, 3, 1, 1),
        ConvUnit(96, 96, 3, 1, 1),
    )
    ends = {"branch1x1": ConvUnit(inputs, 64, 1), "branch_pool": ConvUnit(inputs, pooled, 1)}
    return Mixed(ends | five | double, [["branch1x1"], five, double], mean3)


def mixed_b(inputs):
    double = branch(
        "branch3x3dbl", ConvUnit(inputs, 64, 1), ConvUnit(64, 96, 3, 1, 1), ConvUnit(96, 96, 3, 2)
    )
    return Mixed(
        {"branch3x3": ConvUnit(inputs, 384, 3, 2)} | double, [["branch3x3"], double], halved
    )


def across(inputs, features):
    return ConvUnit(inputs, features, (1, 7), 1, (0, 3))


def down(inputs, features):
    return ConvUnit(inputs, features, (7, 1), 1, (3, 0))


def mixed_c(width):
    seven = branch("branch7x7", ConvUnit(768, width, 1), across(width, width), down(width, 192))
    double = [ConvUnit(768, width, 1), down(width, width), across(width, width), down(width, width)]
    double = branch("branch7x7dbl", *double, across(width, 192))
    ends = {"branch1x1": ConvUnit(768, 192, 1), "branch_pool": ConvUnit(768, 192, 1)}
    return Mixed(ends | seven | double, [["branch1x1"], seven, double], mean3)


def mixed_d():
    three = branch("branch3x3", ConvUnit(768, 192, 1), ConvUnit(192, 320, 3, 2))
    seven = branch(
        "branch7x7x3",
        ConvUnit(768, 192, 1),
        across(192, 192),
        down(192, 192),
        ConvUnit(192, 192, 3, 2),
    )
    return Mixed(three | seven, [three, seven], halved)


def mixed_e(inputs):
    def ends(name):
        return {
            f"{name}a": ConvUnit(384, 384, (1, 3), 1, (0, 1)),
            f"{name}b": ConvUnit(384, 384, (3, 1), 1, (1, 0)),
        }

    three, double = ends("branch3x3_2"), ends("branch3x3dbl_3")
    layers = {"branch1x1": ConvUnit(inputs, 320, 1), "branch3x3_1": ConvUnit(inputs, 384, 1)}
    layers |= branch("branch3x3dbl", ConvUnit(inputs, 448, 1), ConvUnit(448, 384, 3, 1, 1))
    layers |= {"branch_pool": ConvUnit(inputs, 192, 1)} | three | double
    flow = [
        ["branch1x1"],
        ["branch3x3_1", tuple(three)],
        ["branch3x3dbl_1", "branch3x3dbl_2", tuple(double)],
    ]
    return Mixed(layers, flow, mean3)


class InceptionV3(nn.Module):
    def __init__(self, channels, classes):
        super().__init__()
        self.Conv2d_1a_3x3 = ConvUnit(channels, 32, 3, 2)
        self.Conv2d_2a_3x3 = ConvUnit(32, 32, 3)
        self.Conv2d_2b_3x3 = ConvUnit(32, 64, 3, 1, 1)
        self.Conv2d_3b_1x1 = ConvUnit(64, 80, 1)
        self.Conv2d_4a_3x3 = ConvUnit(80, 192, 3)
        units = {
            "5b": mixed_a(192, 32),
            "5c": mixed_a(256, 64),
            "5d": mixed_a(288, 64),
            "6a": mixed_b(288),
        }
        units |= {
            f"6{letter}": mixed_c(width)
            for letter, width in zip("bcde", (128, 160, 160, 192), strict=True)
        }
        units |= {"7a": mixed_d(), "7b": mixed_e(1280), "7c": mixed_e(2048)}
        self.order = [f"Mixed_{name}" for name in units]
        for name, unit in units.items():
            self.add_module(f"Mixed_{name}", unit)
        self.fc = nn.Linear(2048, classes)

    def forward(self, x):
        x = halved(self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x))))
        x = halved(self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(x)))
        for name in self.order:
            x = getattr(self, name)(x)
        return self.fc(x.mean((2, 3)))
