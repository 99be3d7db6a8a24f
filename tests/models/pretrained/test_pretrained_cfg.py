"""Preprocessing of pretrained weights: timm's `pretrained_cfg`, or torchvision's."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from gv_jax.errors import UserError
from gv_jax.models import model_class
from gv_jax.models.pretrained.pretrained_cfg import PretrainedCfg, load_pretrained_cfg

TIMM = {
    "architecture": "resnet18",
    "pretrained_cfg": {
        "mean": [0.5, 0.4, 0.3],
        "std": [0.2, 0.2, 0.1],
        "input_size": [3, 288, 256],
        "interpolation": "bicubic",
        "crop_pct": 0.95,
        "tag": "a1_in1k",
    },
}
EXPECTED = PretrainedCfg((0.5, 0.4, 0.3), (0.2, 0.2, 0.1), (288, 256), "bicubic", 0.95)


@pytest.fixture
def weights(tmp_path):
    save_file({"fc.bias": np.zeros(3, np.float32)}, tmp_path / "weights.safetensors")
    return tmp_path / "weights.safetensors"


@pytest.mark.parametrize("name", ["config.json", "weights.json"])
def test_cfg_is_read_from_a_json_beside_the_weights(weights, name):
    (weights.parent / name).write_text(json.dumps(TIMM))
    assert load_pretrained_cfg(model_class("resnet18"), weights) == EXPECTED


def test_cfg_is_read_from_the_metadata(weights):
    metadata = {"pretrained_cfg": json.dumps(TIMM["pretrained_cfg"])}
    save_file({"fc.bias": np.zeros(3, np.float32)}, weights, metadata=metadata)
    assert load_pretrained_cfg(model_class("resnet18"), weights) == EXPECTED


@pytest.mark.parametrize(
    ("name", "mean", "size", "crop_pct"),
    [  # torchvision's weights.transforms()
        ("resnet50", (0.485, 0.456, 0.406), (224, 224), 224 / 256),
        ("inception_v3", (0.5, 0.5, 0.5), (299, 299), 299 / 342),
        ("efficientnetv2_s", (0.485, 0.456, 0.406), (384, 384), 1.0),
        ("convnext_tiny", (0.485, 0.456, 0.406), (224, 224), 224 / 236),
    ],
)
def test_default_is_torchvisions(weights, name, mean, size, crop_pct):
    cfg = load_pretrained_cfg(model_class(name), weights)
    assert (cfg.mean, cfg.size, cfg.crop_pct) == (mean, size, crop_pct)
    assert cfg.interpolation == "bilinear"


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("{", "config.json"),
        ('{"pretrained_cfg": {"mean": "gray"}}', "pretrained_cfg of .*weights.safetensors"),
        (
            '{"architecture": "tf_efficientnetv2_s", "pretrained_cfg": {"mean": [0.5]}}',
            "weights.safetensors.*tf_efficientnetv2_s",
        ),
    ],
)
def test_error_for_an_invalid_cfg_names_the_file(weights, text, values):
    (weights.parent / "config.json").write_text(text)
    with pytest.raises(UserError, match=values):
        load_pretrained_cfg(model_class("efficientnetv2_s"), weights)


def test_lite_weights_for_another_model_are_left_to_the_loading(weights):
    text = '{"architecture": "tf_efficientnet_lite0", "pretrained_cfg": {"mean": [0.5]}}'
    (weights.parent / "config.json").write_text(text)
    assert load_pretrained_cfg(model_class("resnet18"), weights).mean == (0.5,)
