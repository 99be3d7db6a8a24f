"""Key map of Inception-v3: torchvision and timm name its weights by block and branch."""

from gv_jax.models.inception_v3 import POOLED_AFTER, InceptionV3
from gv_jax.models.pretrained.layer_keys import KeyMap, StageKeyMaps, norm_keys, weight_keys

INCEPTION_STEM = (
    "Conv2d_1a_3x3",
    "Conv2d_2a_3x3",
    "Conv2d_2b_3x3",
    "Conv2d_3b_1x1",
    "Conv2d_4a_3x3",
)


def branch_keys(source: str, branch: int, count: int) -> list[tuple[str, str]]:
    """(source, target) of each convolution of a branch with more than one."""
    return [(f"{source}_{index + 1}", f"branches.{branch}.{index}") for index in range(count)]


INCEPTION_A = (
    ("branch1x1", "branches.0.0"),
    *branch_keys("branch5x5", 1, 2),
    *branch_keys("branch3x3dbl", 2, 3),
    ("branch_pool", "project.0"),
)
INCEPTION_B = (("branch3x3", "branches.0.0"), *branch_keys("branch3x3dbl", 1, 3))
INCEPTION_C = (
    ("branch1x1", "branches.0.0"),
    *branch_keys("branch7x7", 1, 3),
    *branch_keys("branch7x7dbl", 2, 5),
    ("branch_pool", "project.0"),
)
INCEPTION_D = (*branch_keys("branch3x3", 0, 2), *branch_keys("branch7x7x3", 1, 4))
INCEPTION_E = (
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
INCEPTION_BLOCKS = (  # by stage: blocks and their convolutions
    {"Mixed_5b": INCEPTION_A, "Mixed_5c": INCEPTION_A, "Mixed_5d": INCEPTION_A},
    {"Mixed_6a": INCEPTION_B, **{f"Mixed_6{letter}": INCEPTION_C for letter in "bcde"}},
    {"Mixed_7a": INCEPTION_D, "Mixed_7b": INCEPTION_E, "Mixed_7c": INCEPTION_E},
)


def conv_bn_keys(source: str, target: str) -> KeyMap:
    """A convolution and its norm."""
    return weight_keys(f"{source}.conv", f"{target}.conv") | norm_keys(
        f"{source}.bn", f"{target}.norm"
    )


def inception_v3_keys(model: InceptionV3) -> list[StageKeyMaps]:
    """Of torchvision and timm, which are the same."""
    stem: KeyMap = {}
    for index, source in enumerate(INCEPTION_STEM):
        num_pools = sum(after < index for after in POOLED_AFTER)
        stem |= conv_bn_keys(source, f"stage_layers.0.{index + num_pools}")
    maps = {"stem": stem}
    for stage, blocks in enumerate(INCEPTION_BLOCKS, 1):
        keys: KeyMap = {}
        for index, (block, convs) in enumerate(blocks.items()):
            for source, target in convs:
                keys |= conv_bn_keys(f"{block}.{source}", f"stage_layers.{stage}.{index}.{target}")
        maps[f"stage{stage}"] = keys
    return [maps | {"head": weight_keys("fc", "head", bias=True)}]
