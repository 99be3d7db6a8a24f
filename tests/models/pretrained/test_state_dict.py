"""State dicts: all tensors are loaded or the error names those that do not fit; input channels."""

import jax
import numpy as np
import pytest
from flax import nnx
from safetensors.numpy import load_file, save_file

from gv_jax import models
from gv_jax.errors import UserError
from gv_jax.models.pretrained.load import load_pretrained
from tests.models.pretrained.state_dicts import state_dict


def squeezenet(seed=0, **options):
    options = {"inputs": 3, "classes": 5} | options
    return models.build("squeezenet1_1", **options, rngs=nnx.Rngs(seed))


def predict(model, x):
    evaluation = nnx.view(
        model, deterministic=True, use_running_average=True, raise_if_not_found=False
    )
    return np.asarray(jax.jit(lambda x: evaluation(x))(x))


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    """(a file of a SqueezeNet of 5 classes, that network)."""
    model = squeezenet(seed=1)
    file = tmp_path_factory.mktemp("weights") / "squeezenet.safetensors"
    save_file(state_dict(model), file)
    return file, model


def test_error_names_all_tensors_that_do_not_fit_and_nothing_is_changed(pretrained, tmp_path):
    weights = load_file(pretrained[0])
    del weights["classifier.1.bias"], weights["features.0.bias"]
    weights |= {
        "fc.weight": np.zeros((2, 3), np.float32),
        "features.0.weight": np.zeros((64, 4, 3, 3), np.float32),
    }
    np.savez(tmp_path / "weights.npz", **weights)
    model = squeezenet()
    before = np.asarray(model.head.kernel)
    with pytest.raises(UserError, match=r"weights\.npz.*SqueezeNet") as caught:
        load_pretrained(model, tmp_path / "weights.npz")
    message = str(caught.value)
    assert "missing: features.0.bias, classifier.1.bias;" in message
    assert "unknown: fc.weight;" in message
    assert "features.0.weight [64, 4, 3, 3], expected [64, 3, 3, 3]" in message
    np.testing.assert_array_equal(model.head.kernel, before)


def test_batch_counters_are_ignored(pretrained, tmp_path):
    weights = load_file(pretrained[0]) | {"norm.num_batches_tracked": np.int64(7)}
    np.savez(tmp_path / "weights.npz", **weights)
    load_pretrained(squeezenet(), tmp_path / "weights.npz")


def test_stages_in_without_keep_their_weights(pretrained):
    file, source = pretrained
    model = squeezenet(classes=31)
    head, stage3 = (
        np.asarray(layer.kernel) for layer in (model.head, model.stage_layers[3][1].squeeze)
    )
    with pytest.raises(UserError, match=r"classifier\.1\.weight \[5, 512, 1, 1\]"):
        load_pretrained(model, file)
    load_pretrained(model, file, without=("stage3", "head"))
    np.testing.assert_array_equal(model.head.kernel, head)
    np.testing.assert_array_equal(model.stage_layers[3][1].squeeze.kernel, stage3)
    np.testing.assert_array_equal(
        model.stage_layers[2][1].squeeze.kernel, source.stage_layers[2][1].squeeze.kernel
    )
    with pytest.raises(UserError, match=r"'stage33'.*'stage3'"):
        load_pretrained(model, file, without=("stage33",))


def test_weights_of_stages_that_the_model_leaves_out_are_ignored(pretrained):
    file, source = pretrained
    model = load_pretrained(squeezenet(last_stage="stage1"), file, without=("head",))
    np.testing.assert_array_equal(
        model.stage_layers[1][2].expand3.bias, source.stage_layers[1][2].expand3.bias
    )


def test_error_for_missing_stages_says_how_to_reinitialize_them(pretrained, tmp_path):
    file, source = pretrained
    weights = {
        name: value
        for name, value in load_file(file).items()
        if name.startswith("features.") and int(name.split(".")[1]) < 9
    }
    save_file(weights, tmp_path / "part.safetensors")
    hint = r"config\.model\.pretrained_without=\"\('stage3', 'head'\)"
    with pytest.raises(UserError, match=rf"features\.9\.squeeze\.weight, .* 21 more\).*{hint}"):
        load_pretrained(squeezenet(), tmp_path / "part.safetensors")
    model = load_pretrained(squeezenet(), tmp_path / "part.safetensors", without=("stage3", "head"))
    np.testing.assert_array_equal(model.stage_layers[0][0].kernel, source.stage_layers[0][0].kernel)
    del weights["features.4.squeeze.bias"]  # of a stage that is not missing as a whole
    save_file(weights, tmp_path / "holes.safetensors")
    with pytest.raises(UserError, match=r"22 more\)$"):
        load_pretrained(squeezenet(), tmp_path / "holes.safetensors")


def test_error_for_a_class_without_a_key_map_lists_those_with(pretrained):
    model = models.build("two_layer", inputs=3, classes=5, rngs=nnx.Rngs(0))
    with pytest.raises(UserError, match=r"TwoLayerCNN.*ResNet"):
        load_pretrained(model, pretrained[0])


MEAN, STD = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])


@pytest.mark.parametrize("channels", [4, 6])
def test_opaque_images_give_the_logits_of_rgb_whatever_the_other_channels(pretrained, channels):
    file, source = pretrained
    rgb = np.random.default_rng(0).random((2, 33, 33, 3), np.float32)
    others = np.ones((2, 33, 33, channels - 3), np.float32)
    other_mean = np.full(channels - 3, 0.5, np.float32)
    images = np.concatenate([rgb, others], -1) - np.concatenate([MEAN, other_mean])
    images = images / np.concatenate([STD, other_mean / 2])  # alpha is standardized too
    expected = predict(source, (rgb - MEAN) / STD)
    assert np.abs(expected).max() > 1e-3
    model = load_pretrained(squeezenet(inputs=channels), file)
    np.testing.assert_allclose(predict(model, images), expected, atol=1e-5)


@pytest.mark.parametrize("channels", [1, 2])
def test_gray_gives_the_logits_of_three_equal_channels(pretrained, channels):
    file, source = pretrained
    gray = np.random.default_rng(0).standard_normal((2, 33, 33, 1), np.float32)
    alpha = np.ones((2, 33, 33, channels - 1), np.float32)
    expected = predict(source, np.repeat(gray, 3, -1))
    assert np.abs(expected).max() > 1e-3
    model = load_pretrained(squeezenet(inputs=channels), file)
    outputs = predict(model, np.concatenate([gray, alpha], -1))
    np.testing.assert_allclose(outputs, expected, atol=1e-5)
