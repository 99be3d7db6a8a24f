"""Weights from a file: what fits is taken whole, what doesn't is named."""

import re

import jax
import numpy as np
import pytest
from flax import nnx
from safetensors.numpy import load_file, save_file

from gv_jax import models
from gv_jax.errors import UserError
from gv_jax.models.pretrained import key_maps, load


def names_of(model):
    """Every name of the first table of its family, and the variable that it becomes."""
    (table, *_) = key_maps.KEY_MAPS[type(model)](model)
    return {theirs: ours for names in table.values() for theirs, ours in names.items()}


def in_their_names(model):
    """The weights of `model` as torchvision would save them."""
    tensors = {}
    for theirs, ours in names_of(model).items():
        value = np.asarray(load.get_variable(model, ours))
        order = {4: (3, 2, 0, 1), 2: (1, 0)}.get(value.ndim)
        tensors[theirs] = np.ascontiguousarray(value.transpose(order)) if order else value
    return tensors


def answer(model, x):
    evaluation = nnx.view(
        model, deterministic=True, use_running_average=True, raise_if_not_found=False
    )
    return np.asarray(jax.jit(lambda x: evaluation(x))(x))


@pytest.fixture
def model():
    return models.build("ninasr_b0", inputs=3, rngs=nnx.Rngs(0))


@pytest.fixture
def weights(model):
    """Another model's, in PyTorch's names and shapes."""
    other = models.build("ninasr_b0", inputs=3, rngs=nnx.Rngs(1))
    tensors = {}
    for theirs, ours in names_of(model).items():
        value = np.asarray(load.get_variable(other, ours))
        tensors[theirs] = (
            np.ascontiguousarray(value.transpose(3, 2, 0, 1)) if value.ndim == 4 else value
        )
    return tensors


def test_safetensors_and_npz_hold_the_same(model, weights, tmp_path):
    save_file(weights, tmp_path / "one.safetensors")
    np.savez(tmp_path / "two.npz", **weights)
    for file in ("one.safetensors", "two.npz"):
        load.load_pretrained(model, tmp_path / file)
        kernel = np.asarray(model.units[3].attention.squeeze.kernel)
        np.testing.assert_array_equal(
            kernel[0, 0].T, weights["body.3.body.2.body.1.weight"][:, :, 0, 0]
        )


def test_all_that_does_not_fit_is_named_and_nothing_is_changed(model, weights, tmp_path):
    del weights["tail.0.bias"], weights["body.2.body.0.bias"]
    weights |= {
        "fc.weight": np.zeros((2, 3), np.float32),
        "head.1.weight": np.zeros((16, 4, 3, 3), np.float32),
    }
    np.savez(tmp_path / "weights.npz", **weights)
    before = np.asarray(model.tail.kernel)
    with pytest.raises(UserError) as caught:
        load.load_pretrained(model, tmp_path / "weights.npz")
    said = str(caught.value)
    assert "missing: body.2.body.0.bias, tail.0.bias;" in said
    assert "not known: fc.weight;" in said
    assert "of another shape: head.1.weight [16, 4, 3, 3] for [3, 3, 3, 16]" in said
    np.testing.assert_array_equal(model.tail.kernel, before)


def test_counters_of_pytorchs_norms_are_passed_over(model, weights, tmp_path):
    np.savez(tmp_path / "weights.npz", **weights, **{"norm.num_batches_tracked": np.int64(7)})
    load.load_pretrained(model, tmp_path / "weights.npz")


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("nowhere.npz", "there is no file"),
        ("weights.pt", "weights.safetensors makes one of a state dict"),
        ("weights.npz", "cannot be read as weights"),
        ("cut.npz", "cannot be read as weights"),
        ("weights.safetensors", "cannot be read as weights"),
    ],
)
def test_what_cannot_be_loaded_is_one_line(model, weights, tmp_path, file, said):
    for broken in ("weights.npz", "weights.pt", "weights.safetensors"):
        (tmp_path / broken).write_bytes(b"no weights at all")
    np.savez(tmp_path / "whole.npz", **weights)
    (tmp_path / "cut.npz").write_bytes((tmp_path / "whole.npz").read_bytes()[:10_000])
    with pytest.raises(UserError, match=re.escape(said)) as caught:
        load.load_pretrained(model, tmp_path / file)
    assert "\n" not in str(caught.value)


def squeezenet(seed=0, **options):
    told = {"inputs": 3, "classes": 5} | options
    return models.build("squeezenet1_1", **told, rngs=nnx.Rngs(seed))


@pytest.fixture
def trunk(tmp_path):
    """A file of a SqueezeNet of 5 classes, and that network."""
    theirs = squeezenet(seed=1)
    save_file(in_their_names(theirs), tmp_path / "squeezenet.safetensors")
    return tmp_path / "squeezenet.safetensors", theirs


def test_stages_named_start_anew_and_the_others_are_taken(trunk):
    file, theirs = trunk
    fresh = squeezenet(classes=31)
    head = np.asarray(fresh.head.kernel)
    with pytest.raises(UserError, match=r"of another shape: classifier.1.weight \[5, 512, 1, 1\]"):
        load.load_pretrained(fresh, file)
    loaded = load.load_pretrained(fresh, file, without=("stage3", "head"))
    np.testing.assert_array_equal(loaded.head.kernel, head)
    np.testing.assert_array_equal(
        loaded.stages[2][1].squeeze.kernel, theirs.stages[2][1].squeeze.kernel
    )
    assert (
        np.abs(
            np.asarray(loaded.stages[3][1].squeeze.kernel) - theirs.stages[3][1].squeeze.kernel
        ).max()
        > 0.01
    )
    with pytest.raises(UserError, match="did you mean 'stage3'"):
        load.load_pretrained(fresh, file, without=("stage33",))


def test_stages_that_the_model_leaves_out_are_passed_over(trunk):
    file, theirs = trunk
    short = load.load_pretrained(squeezenet(last_stage="stage1"), file, without=("head",))
    np.testing.assert_array_equal(short.stages[1][2].expand3.bias, theirs.stages[1][2].expand3.bias)


def test_what_a_file_lacks_may_be_left_out_on_purpose_and_only_then(trunk, tmp_path):
    file, theirs = trunk
    kept = {
        name: value
        for name, value in load_file(file).items()
        if int(name.split(".")[1]) < 9 and "cl" not in name
    }
    save_file(kept, tmp_path / "part.safetensors")
    with pytest.raises(
        UserError,
        match=r"missing: features\.9\.squeeze\.weight, .* and 21 more\).*\('stage3', 'head'\)",
    ):
        load.load_pretrained(squeezenet(), tmp_path / "part.safetensors")
    del kept["features.4.squeeze.bias"]
    save_file(kept, tmp_path / "holes.safetensors")
    with pytest.raises(UserError, match=r"and 22 more\)$"):
        load.load_pretrained(squeezenet(), tmp_path / "holes.safetensors")
    loaded = load.load_pretrained(
        squeezenet(), tmp_path / "part.safetensors", without=("stage3", "head")
    )
    np.testing.assert_array_equal(loaded.stages[0][0].kernel, theirs.stages[0][0].kernel)


def test_a_network_without_a_table_says_which_have_one(trunk):
    with pytest.raises(
        UserError, match="TwoLayer takes no weights from a file; networks that do: ResNet"
    ):
        load.load_pretrained(
            models.build("two_layer", inputs=3, classes=5, rngs=nnx.Rngs(0)), trunk[0]
        )


MEAN, STD = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])


@pytest.mark.parametrize("channels", [4, 6])
def test_opaque_pictures_are_answered_as_in_rgb_whatever_the_other_channels_hold(trunk, channels):
    file, theirs = trunk
    rgb = np.random.default_rng(0).random((2, 33, 33, 3), np.float32)
    others = np.ones((2, 33, 33, channels - 3), np.float32)
    other_mean = np.full(channels - 3, 0.5, np.float32)
    pictures = np.concatenate([rgb, others], -1) - np.concatenate([MEAN, other_mean])
    pictures = pictures / np.concatenate([STD, other_mean / 2])  # alpha is normalised too
    expected = answer(theirs, (rgb - MEAN) / STD)
    assert np.abs(expected).max() > 1e-3
    found = answer(load.load_pretrained(squeezenet(inputs=channels), file), pictures)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("channels", [1, 2])
def test_grey_is_answered_as_rgb_of_three_times_the_same(trunk, channels):
    file, theirs = trunk
    grey = np.random.default_rng(0).standard_normal((2, 33, 33, 1), np.float32)
    alpha = np.ones((2, 33, 33, channels - 1), np.float32)
    expected = answer(theirs, np.repeat(grey, 3, -1))
    assert np.abs(expected).max() > 1e-3
    found = answer(
        load.load_pretrained(squeezenet(inputs=channels), file), np.concatenate([grey, alpha], -1)
    )
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "their_names"),
    [
        (
            "resnet50",
            ("conv1.weight", "layer1.0.downsample.0.weight", "layer4.2.bn3.running_var", "fc.bias"),
        ),
        ("vgg16", ("features.28.weight", "classifier.0.weight", "classifier.6.bias")),
        ("vgg16_bn", ("features.41.running_mean", "classifier.3.weight")),
        ("squeezenet1_1", ("features.12.expand3x3.bias", "classifier.1.weight")),
        (
            "inception_v3",
            ("Conv2d_4a_3x3.bn.weight", "Mixed_6e.branch7x7dbl_5.conv.weight", "fc.weight"),
        ),
        (
            "efficientnetv2_s",
            ("features.6.14.block.2.fc2.bias", "features.7.1.running_var", "classifier.1.weight"),
        ),
    ],
)
def test_tables_name_every_weight_once(name, their_names):
    model = nnx.eval_shape(lambda: models.build(name, inputs=3, classes=1000, rngs=nnx.Rngs(0)))
    ours = {
        ".".join(map(str, path))
        for path, _ in nnx.to_flat_state(nnx.state(model, (nnx.Param, nnx.BatchStat)))
    }
    for table in key_maps.KEY_MAPS[type(model)](model):
        assert list(table) == list(model.parts())
        found = [variable for names in table.values() for variable in names.values()]
        assert len(found) == len(set(found))
        assert set(found) == ours
    assert set(their_names) <= set(names_of(model))
