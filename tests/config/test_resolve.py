"""Empty image fields of a configuration are filled from the weights' `pretrained_cfg`."""

import json
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from safetensors.numpy import save_file

from gv_jax.config import default
from gv_jax.config.resolve import resolve
from gv_jax.config.validate import validate
from gv_jax.tasks.classification import Classification


@pytest.fixture
def weights(tmp_path):
    save_file({"fc.bias": np.zeros(3, np.float32)}, tmp_path / "weights.safetensors")
    return tmp_path / "weights.safetensors"


def resolved(weights, **changes):
    config = default.get_config()
    config.update_from_flattened_dict(
        {"model.name": "resnet18", "model.pretrained": str(weights), **changes}
    )
    return resolve(config)


def test_empty_fields_are_those_of_the_weights_and_others_are_kept(weights):
    cfg = {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.2, 0.1], "input_size": [3, 288, 256]}
    cfg |= {"interpolation": "bicubic", "crop_pct": 0.95}
    (weights.parent / "config.json").write_text(json.dumps({"pretrained_cfg": cfg}))
    data = resolved(weights, **{"data.size": (96, 96), "data.std": (1.0,)}).data
    assert (data.mean, data.std, data.size) == ((0.5, 0.4, 0.3), (1.0,), (96, 96))
    assert (data.interpolation, data.crop_pct) == ("bicubic", 0.95)
    validate(resolved(weights))


@pytest.mark.parametrize(
    ("architecture", "given", "padding"),
    [
        ("tf_efficientnet_lite0", "", "same"),
        ("efficientnet_lite0", "", "symmetric"),
        ("", "", ""),
        ("efficientnet_lite0", "same", "same"),
    ],
)
def test_padding_follows_the_architecture_of_the_weights(weights, architecture, given, padding):
    cfg = {"architecture": architecture, "pretrained_cfg": {"mean": [0.5, 0.5, 0.5]}}
    (weights.parent / "config.json").write_text(json.dumps(cfg))
    changes = {"model.name": "efficientnet_lite0", "model.padding": given}
    assert resolved(weights, **changes).model.padding == padding


def test_defaults_without_weights():
    data = resolve(default.get_config()).data
    assert (data.mean, data.std, data.size) == ((0.5,), (0.25,), (64, 64))
    assert (data.interpolation, data.crop_pct) == ("bilinear", 1.0)


def test_alpha_is_standardized_too_and_gray_becomes_three_channels(weights):
    rgba = resolved(weights, **{"data.channels": 4})
    assert rgba.data.mean == (0.485, 0.456, 0.406, 0.5)
    gray = resolved(weights, **{"data.channels": 1})
    for config, channels in ((rgba, 4), (gray, 3)):
        validate(config)
        assert Classification.num_inputs(config) == channels
    task = Classification(5, tuple(gray.data.mean), tuple(gray.data.std))
    images = np.random.default_rng(0).random((2, 4, 4, 1), np.float32)
    inputs, _ = task.make_inputs(jax.random.key(0), images, np.zeros(2))
    expected, _ = task.make_inputs(jax.random.key(0), np.repeat(images, 3, -1), np.zeros(2))
    np.testing.assert_array_equal(inputs, expected)


def test_the_padding_and_the_backgrounds_are_those_of_a_run(monkeypatch):
    recorded = {
        "data": {"mean": [0.5], "std": [0.2], "size": [9, 8], "interpolation": "", "crop_pct": 1.0},
        "model": {"padding": "symmetric"},
        "probe": {"maps": "all", "backgrounds": [0, 255]},
    }
    run = SimpleNamespace(config=recorded)
    monkeypatch.setattr("gv_jax.config.resolve.find_initial_run", lambda source: run)
    config = resolved("run", **{"model.name": "efficientnet_lite0"})
    assert config.model.padding == "symmetric"
    assert (config.probe.maps, config.probe.backgrounds) == ("all", (0, 255))
