"""How pictures are prepared comes from the card of the weights, and what a person says goes before it."""

import json

import jax
import numpy as np
import pytest
from safetensors.numpy import save_file

from gv_jax import settings
from gv_jax.config import default, validate
from gv_jax.errors import UserError
from gv_jax.models import model_class
from gv_jax.models.pretrained.pretrained_cfg import PretrainedCfg, load_pretrained_cfg

TIMM = {
    "architecture": "resnet18",
    "pretrained_cfg": {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.2, 0.1]},
}
TIMM["pretrained_cfg"] |= {
    "input_size": [3, 288, 256],
    "interpolation": "bicubic",
    "crop_pct": 0.95,
    "tag": "a1_in1k",
}
EXPECTED = PretrainedCfg((0.5, 0.4, 0.3), (0.2, 0.2, 0.1), (288, 256), "bicubic", 0.95)


@pytest.fixture
def weights(tmp_path):
    save_file({"fc.bias": np.zeros(3, np.float32)}, tmp_path / "weights.safetensors")
    return tmp_path / "weights.safetensors"


@pytest.mark.parametrize("name", ["config.json", "weights.json"])
def test_timms_card_beside_the_weights(weights, name):
    (weights.parent / name).write_text(json.dumps(TIMM))
    assert load_pretrained_cfg(model_class("resnet18"), weights) == EXPECTED


def test_card_in_the_metadata(weights):
    told = {"pretrained_cfg": json.dumps(TIMM["pretrained_cfg"])}
    save_file({"fc.bias": np.zeros(3, np.float32)}, weights, metadata=told)
    assert load_pretrained_cfg(model_class("resnet18"), weights) == EXPECTED


@pytest.mark.parametrize(
    ("name", "mean", "size", "crop_pct"),
    [  # torchvision's weights' transforms()
        ("resnet50", (0.485, 0.456, 0.406), (224, 224), 224 / 256),
        ("inception_v3", (0.5, 0.5, 0.5), (299, 299), 299 / 342),
        ("efficientnetv2_s", (0.485, 0.456, 0.406), (384, 384), 1.0),
    ],
)
def test_without_a_card_weights_are_torchvisions(weights, name, mean, size, crop_pct):
    found = load_pretrained_cfg(model_class(name), weights)
    assert (found.mean, found.size, found.crop_pct, found.interpolation) == (
        mean,
        size,
        crop_pct,
        "bilinear",
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is no JSON"),
        ('{"pretrained_cfg": {"mean": "grey"}}', "the card of .* cannot be understood"),
        (
            '{"architecture": "tf_efficientnetv2_s", "pretrained_cfg": {"mean": [0.5]}}',
            "TensorFlow's uneven padding",
        ),
    ],
)
def test_what_is_wrong_with_a_card_is_said(weights, text, said):
    (weights.parent / "config.json").write_text(text)
    with pytest.raises(UserError, match=said):
        load_pretrained_cfg(model_class("efficientnetv2_s"), weights)


def config(weights, **changes):
    config = default.get_config()
    config.update_from_flattened_dict(
        {"model.name": "resnet18", "model.pretrained": str(weights), **changes}
    )
    return settings.resolve_config(config)


def test_what_is_left_empty_follows_the_card_and_the_rest_stands(weights):
    (weights.parent / "config.json").write_text(json.dumps(TIMM))
    data = config(weights, **{"data.size": (96, 96), "data.std": (1.0,)}).data
    assert (data.mean, data.std, data.size) == ((0.5, 0.4, 0.3), (1.0,), (96, 96))
    assert (data.interpolation, data.crop_pct) == ("bicubic", 0.95)
    validate.validate(config(weights))


def test_without_weights_the_fields_have_the_projects_values():
    data = settings.resolve_config(default.get_config()).data
    assert (data.mean, data.std, data.size) == ((0.5,), (0.25,), (64, 64))
    assert (data.interpolation, data.crop_pct) == ("bilinear", 1.0)


def test_alpha_is_normalised_too_and_grey_is_given_three_times(weights):
    rgba = config(weights, **{"data.channels": 4})
    assert rgba.data.mean == (0.485, 0.456, 0.406, 0.5)
    grey = config(weights, **{"data.channels": 1})
    for told, channels in ((rgba, 4), (grey, 3)):
        validate.validate(told)
        assert settings.num_inputs(told) == channels
    task = settings.make_task(grey, 5, np.zeros(0))
    pictures = np.random.default_rng(0).random((2, 4, 4, 1), np.float32)
    found, _ = task.encode(jax.random.key(0), pictures, np.zeros(2))
    as_rgb, _ = task.encode(jax.random.key(0), np.repeat(pictures, 3, -1), np.zeros(2))
    np.testing.assert_array_equal(found, as_rgb)
