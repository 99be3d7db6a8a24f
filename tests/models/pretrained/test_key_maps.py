"""Key maps name each variable once, under the names of torchvision or timm."""

import pytest
from flax import nnx

from gv_jax import models
from gv_jax.models.pretrained.key_maps import KEY_MAPS
from tests.models.pretrained.state_dicts import key_map

TORCHVISION_NAMES = {
    "resnet50": (
        "conv1.weight",
        "layer1.0.downsample.0.weight",
        "layer4.2.bn3.running_var",
        "fc.bias",
    ),
    "vgg16": ("features.28.weight", "classifier.0.weight", "classifier.6.bias"),
    "vgg16_bn": ("features.41.running_mean", "classifier.3.weight"),
    "squeezenet1_1": ("features.12.expand3x3.bias", "classifier.1.weight"),
    "inception_v3": (
        "Conv2d_4a_3x3.bn.weight",
        "Mixed_6e.branch7x7dbl_5.conv.weight",
        "fc.weight",
    ),
    "efficientnetv2_s": (
        "features.6.14.block.2.fc2.bias",
        "features.7.1.running_var",
        "classifier.1.weight",
    ),
    "efficientnet_lite1": (
        "conv_stem.weight",
        "blocks.0.0.conv_dw.weight",
        "blocks.0.0.bn2.running_var",
        "blocks.3.3.conv_pwl.weight",
        "classifier.bias",
    ),
    "convnext_tiny": (
        "features.0.1.weight",
        "features.2.0.bias",
        "features.5.8.layer_scale",
        "features.7.2.block.5.weight",
        "classifier.0.bias",
        "classifier.2.weight",
    ),
    "vit_tiny_patch16": (
        "cls_token",
        "pos_embed",
        "patch_embed.proj.weight",
        "blocks.0.attn.qkv.bias",
        "blocks.11.mlp.fc2.weight",
        "norm.weight",
        "head.weight",
    ),
    "dinov2_vits14_reg": ("register_tokens", "blocks.0.ls1.gamma", "blocks.11.ls2.gamma"),
}


@pytest.mark.parametrize("name", TORCHVISION_NAMES)
def test_each_variable_is_mapped_once_in_its_stage(name):
    model = nnx.eval_shape(lambda: models.build(name, inputs=3, classes=1000, rngs=nnx.Rngs(0)))
    variables = {
        ".".join(map(str, path))
        for path, _ in nnx.to_flat_state(nnx.state(model, (nnx.Param, nnx.BatchStat)))
    }
    for maps in KEY_MAPS[type(model)](model):
        assert list(maps) == list(model.stages())
        targets = [target for keys in maps.values() for target in keys.values()]
        assert len(targets) == len(set(targets))
        assert set(targets) == variables
    assert set(TORCHVISION_NAMES[name]) <= set(key_map(model))
