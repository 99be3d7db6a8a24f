"""What torchvision and timm call the weights of each trunk: {stage: {their name: our variable}}, stages in order.

A family has a table for every way its weights are named; each is of the whole trunk, whatever stages a model keeps.
"""

from collections.abc import Callable, Sequence
from typing import Any

from gv_jax.models import efficientnet, inception_v3, squeezenet, vgg
from gv_jax.models.efficientnet import EfficientNetV2
from gv_jax.models.inception_v3 import InceptionV3
from gv_jax.models.ninasr import NinaSR
from gv_jax.models.resnet import ResNet
from gv_jax.models.squeezenet import SqueezeNet
from gv_jax.models.vgg import VGG

KeyMap = dict[str, str]
StageKeyMaps = dict[str, KeyMap]


def weight_keys(theirs: str, ours: str, *, bias: bool = False) -> KeyMap:
    """A convolution or a linear layer."""
    names = {f"{theirs}.weight": f"{ours}.kernel"}
    return names | {f"{theirs}.bias": f"{ours}.bias"} if bias else names


def norm_keys(theirs: str, ours: str) -> KeyMap:
    """A batch normalisation."""
    pairs = {"weight": "scale", "bias": "bias", "running_mean": "mean", "running_var": "var"}
    return {f"{theirs}.{its}": f"{ours}.{mine}" for its, mine in pairs.items()}


def resnet_keys(model: ResNet) -> list[StageKeyMaps]:
    """torchvision's and timm's, which are the same."""
    table = {"stem": weight_keys("conv1", "conv1") | norm_keys("bn1", "norm1")}
    for stage, count in enumerate(model.stage_sizes):
        names: KeyMap = {}
        for unit in range(count):
            theirs, ours = f"layer{stage + 1}.{unit}", f"stages.{stage}.{unit}"
            for number in range(1, model.unit.convolutions + 1):
                names |= weight_keys(f"{theirs}.conv{number}", f"{ours}.conv{number}")
                names |= norm_keys(f"{theirs}.bn{number}", f"{ours}.norm{number}")
            if unit == 0 and (stage > 0 or model.unit.expansion > 1):
                names |= weight_keys(f"{theirs}.downsample.0", f"{ours}.shortcut.conv")
                names |= norm_keys(f"{theirs}.downsample.1", f"{ours}.shortcut.norm")
        table[f"stage{stage + 1}"] = names
    return [table | {"head": weight_keys("fc", "head", bias=True)}]


def vgg16_keys(model: VGG) -> list[StageKeyMaps]:
    """torchvision's, and timm's, whose dense layers are convolutions."""
    normed = model.unit is vgg.VGGNormUnit
    convolutions: StageKeyMaps = {}
    place = 0  # in torchvision's list of convolutions, norms, ReLUs and poolings
    for stage, widths in enumerate(vgg.VGG16_STAGES):
        names: KeyMap = {}
        for index in range(len(widths)):
            ours = f"stages.{stage}.{index}"
            names |= weight_keys(f"features.{place}", f"{ours}.conv", bias=True)
            names |= norm_keys(f"features.{place + 1}", f"{ours}.norm") if normed else {}
            place += 3 if normed else 2
        convolutions[f"stage{stage + 1}"] = names
        place += 1
    endings = {
        "torchvision": ("classifier.0", "classifier.3", "classifier.6"),
        "timm": ("pre_logits.fc1", "pre_logits.fc2", "head.fc"),
    }
    return [
        convolutions
        | {
            "dense1": weight_keys(first, "stages.5.1", bias=True),
            "dense2": weight_keys(second, "stages.6.1", bias=True),
            "head": weight_keys(head, "head", bias=True),
        }
        for first, second, head in endings.values()
    ]


def squeezenet1_1_keys(model: SqueezeNet) -> list[StageKeyMaps]:
    """torchvision's."""
    table = {"stem": weight_keys("features.0", "stages.0.0", bias=True)}
    place = 3  # after convolution, ReLU and pooling
    for stage, units in enumerate(squeezenet.FIRE_STAGES, 1):
        names: KeyMap = {}
        for index in range(len(units)):
            ours = f"stages.{stage}.{index + 1}"
            for its, mine in {
                "squeeze": "squeeze",
                "expand1x1": "expand1",
                "expand3x3": "expand3",
            }.items():
                names |= weight_keys(f"features.{place}.{its}", f"{ours}.{mine}", bias=True)
            place += 1
        table[f"stage{stage}"] = names
        place += 1
    return [table | {"head": weight_keys("classifier.1", "head", bias=True)}]


def conv_norm_keys(theirs: str, ours: str) -> KeyMap:
    """Convolution and norm as torchvision's EfficientNet numbers them."""
    return weight_keys(f"{theirs}.0", f"{ours}.conv") | norm_keys(f"{theirs}.1", f"{ours}.norm")


def excitation_keys(squeeze: str, excite: str, ours: str) -> KeyMap:
    return weight_keys(squeeze, f"{ours}.squeeze", bias=True) | weight_keys(
        excite, f"{ours}.excite", bias=True
    )


def torchvision_block_keys(kind: type, theirs: str, ours: str) -> KeyMap:
    """A unit of torchvision's EfficientNetV2."""
    block = f"{theirs}.block"
    if kind is efficientnet.ConvBlock:
        return conv_norm_keys(f"{block}.0", f"{ours}.conv")
    if kind is efficientnet.FusedMBConv:
        return conv_norm_keys(f"{block}.0", f"{ours}.expand") | conv_norm_keys(
            f"{block}.1", f"{ours}.project"
        )
    return (
        conv_norm_keys(f"{block}.0", f"{ours}.expand")
        | conv_norm_keys(f"{block}.1", f"{ours}.spatial")
        | excitation_keys(f"{block}.2.fc1", f"{block}.2.fc2", f"{ours}.excitation")
        | conv_norm_keys(f"{block}.3", f"{ours}.project")
    )


def timm_block_keys(kind: type, theirs: str, ours: str) -> KeyMap:
    """A unit of timm's EfficientNetV2."""
    layers = {
        efficientnet.ConvBlock: {"conv": "conv"},
        efficientnet.FusedMBConv: {"conv_exp": "expand", "conv_pwl": "project"},
        efficientnet.MBConv: {"conv_pw": "expand", "conv_dw": "spatial", "conv_pwl": "project"},
    }[kind]
    names: KeyMap = {}
    for number, (its, mine) in enumerate(layers.items(), 1):
        names |= weight_keys(f"{theirs}.{its}", f"{ours}.{mine}.conv") | norm_keys(
            f"{theirs}.bn{number}", f"{ours}.{mine}.norm"
        )
    if kind is efficientnet.MBConv:
        names |= excitation_keys(
            f"{theirs}.se.conv_reduce", f"{theirs}.se.conv_expand", f"{ours}.excitation"
        )
    return names


def efficientnet_v2_keys(model: EfficientNetV2) -> list[StageKeyMaps]:
    """torchvision's and timm's."""
    top = len(model.plan) + 1
    torchvision = {"stem": conv_norm_keys("features.0", "stages.0.0")}
    timm = {
        "stem": weight_keys("conv_stem", "stages.0.0.conv") | norm_keys("bn1", "stages.0.0.norm")
    }
    for stage, (kind, *_, count) in enumerate(model.plan, 1):
        for table, naming, folder in (
            (torchvision, torchvision_block_keys, f"features.{stage}"),
            (timm, timm_block_keys, f"blocks.{stage - 1}"),
        ):
            names: KeyMap = {}
            for index in range(count):
                names |= naming(kind, f"{folder}.{index}", f"stages.{stage}.{index}")
            table[f"stage{stage}"] = names
    torchvision["top"] = conv_norm_keys(f"features.{top}", f"stages.{top}.0")
    timm["top"] = weight_keys("conv_head", f"stages.{top}.0.conv") | norm_keys(
        "bn2", f"stages.{top}.0.norm"
    )
    torchvision["head"] = weight_keys("classifier.1", "head", bias=True)
    timm["head"] = weight_keys("classifier", "head", bias=True)
    return [torchvision, timm]


INCEPTION_STEM = (
    "Conv2d_1a_3x3",
    "Conv2d_2a_3x3",
    "Conv2d_2b_3x3",
    "Conv2d_3b_1x1",
    "Conv2d_4a_3x3",
)
# By unit of Inception-v3: their branches as (name, where it is in ours).
PARALLEL_5 = (
    ("branch1x1", "branches.0.0"),
    *((f"branch5x5_{number + 1}", f"branches.1.{number}") for number in range(2)),
    *((f"branch3x3dbl_{number + 1}", f"branches.2.{number}") for number in range(3)),
    ("branch_pool", "project.0"),
)
HALVING_17 = (
    ("branch3x3", "branches.0.0"),
    *((f"branch3x3dbl_{number + 1}", f"branches.1.{number}") for number in range(3)),
)
PARALLEL_7 = (
    ("branch1x1", "branches.0.0"),
    *((f"branch7x7_{number + 1}", f"branches.1.{number}") for number in range(3)),
    *((f"branch7x7dbl_{number + 1}", f"branches.2.{number}") for number in range(5)),
    ("branch_pool", "project.0"),
)
HALVING_8 = (
    *((f"branch3x3_{number + 1}", f"branches.0.{number}") for number in range(2)),
    *((f"branch7x7x3_{number + 1}", f"branches.1.{number}") for number in range(4)),
)
WIDE = (
    ("branch1x1", "one.0"),
    ("branch3x3_1", "three.0"),
    ("branch3x3_2a", "three_ends.0.0"),
    ("branch3x3_2b", "three_ends.1.0"),
    ("branch3x3dbl_1", "double.0"),
    ("branch3x3dbl_2", "double.1"),
    ("branch3x3dbl_3a", "double_ends.0.0"),
    ("branch3x3dbl_3b", "double_ends.1.0"),
    ("branch_pool", "project.0"),
)
INCEPTION_BLOCKS = (
    {"Mixed_5b": PARALLEL_5, "Mixed_5c": PARALLEL_5, "Mixed_5d": PARALLEL_5},
    {"Mixed_6a": HALVING_17, **{f"Mixed_6{letter}": PARALLEL_7 for letter in "bcde"}},
    {"Mixed_7a": HALVING_8, "Mixed_7b": WIDE, "Mixed_7c": WIDE},
)


def inception_keys(model: InceptionV3) -> list[StageKeyMaps]:
    """torchvision's and timm's, which are the same."""

    def layer(theirs: str, ours: str) -> KeyMap:
        return weight_keys(f"{theirs}.conv", f"{ours}.conv") | norm_keys(
            f"{theirs}.bn", f"{ours}.norm"
        )

    stem: KeyMap = {}
    for number, theirs in enumerate(INCEPTION_STEM):
        poolings = sum(after < number for after in inception_v3.POOLED_AFTER)
        stem |= layer(theirs, f"stages.0.{number + poolings}")
    table = {"stem": stem}
    for stage, units in enumerate(INCEPTION_BLOCKS, 1):
        table[f"stage{stage}"] = {
            their_name: our_name
            for index, (unit, branches) in enumerate(units.items())
            for theirs, ours in branches
            for their_name, our_name in layer(
                f"{unit}.{theirs}", f"stages.{stage}.{index}.{ours}"
            ).items()
        }
    return [table | {"head": weight_keys("fc", "head", bias=True)}]


def ninasr_keys(model: NinaSR) -> list[StageKeyMaps]:
    """torchSR's."""
    inside = {
        "0.weight": "conv1.kernel",
        "0.bias": "conv1.bias",
        "2.body.1.weight": "attention.squeeze.kernel",
        "2.body.1.bias": "attention.squeeze.bias",
        "2.body.3.weight": "attention.excite.kernel",
        "2.body.3.bias": "attention.excite.bias",
        "3.weight": "conv2.kernel",
    }
    names = {"head.0.bias": "head_mean", "head.1.weight": "head.kernel"}
    for unit in range(len(model.units)):
        names |= {
            f"body.{unit}.body.{theirs}": f"units.{unit}.{ours}" for theirs, ours in inside.items()
        }
    names |= {
        "tail.0.weight": "tail.kernel",
        "tail.0.bias": "tail.bias",
        "tail.2.bias": "tail_mean",
    }
    return [{"network": names}]


KEY_MAPS: dict[type, Callable[[Any], Sequence[StageKeyMaps]]] = {
    ResNet: resnet_keys,
    VGG: vgg16_keys,
    SqueezeNet: squeezenet1_1_keys,
    EfficientNetV2: efficientnet_v2_keys,
    InceptionV3: inception_keys,
    NinaSR: ninasr_keys,
}
IGNORED_KEYS = ("AuxLogits.",)  # what files hold besides the trunk: Inception-v3's auxiliary head
