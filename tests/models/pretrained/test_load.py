"""Files of weights, and the model of a configuration."""

import jax
import numpy as np
import pytest
from flax import nnx
from safetensors.numpy import save_file

from gv_jax import models
from gv_jax.config import default
from gv_jax.errors import UserError
from gv_jax.models.pretrained import load
from tests.models.pretrained.state_dicts import state_dict


def ninasr(seed=0):
    return models.build("ninasr_b0", inputs=3, rngs=nnx.Rngs(seed))


@pytest.fixture(scope="module")
def weights():
    """The state dict of another model."""
    return state_dict(ninasr(seed=1))


def test_safetensors_and_npz_are_equal(weights, tmp_path):
    save_file(weights, tmp_path / "one.safetensors")
    np.savez(tmp_path / "two.npz", **weights)
    for file in ("one.safetensors", "two.npz"):
        model = load.load_pretrained(ninasr(), tmp_path / file)
        kernel = np.asarray(model.blocks[3].attention.squeeze.kernel)
        expected = weights["body.3.body.2.body.1.weight"][:, :, 0, 0]
        np.testing.assert_array_equal(kernel[0, 0].T, expected)


@pytest.mark.parametrize(
    ("file", "values"),
    [
        ("nowhere.npz", "config.model.pretrained.*nowhere.npz"),
        ("weights.pt", r"config.model.pretrained.*\.npz.*weights\.safetensors"),
        ("weights.npz", "weights.npz"),
        ("cut.npz", "cut.npz"),
        ("weights.safetensors", "weights.safetensors"),
    ],
)
def test_error_for_a_file_that_cannot_be_read_is_one_line(weights, tmp_path, file, values):
    for broken in ("weights.npz", "weights.pt", "weights.safetensors"):
        (tmp_path / broken).write_bytes(b"no weights at all")
    np.savez(tmp_path / "whole.npz", **weights)
    (tmp_path / "cut.npz").write_bytes((tmp_path / "whole.npz").read_bytes()[:10_000])
    with pytest.raises(UserError, match=values) as caught:
        load.load_pretrained(ninasr(), tmp_path / file)
    assert "\n" not in str(caught.value)


def section(**changes):
    """`config.model`."""
    model = default.get_config().model
    model.update(changes)
    return model


def build(section, **options):
    sizes = {"num_inputs": 3, "num_outputs": 5, "image_size": (17, 17), "seed": 0}
    return load.build_from_section(section, **sizes, **options)


def test_model_of_a_section_has_its_options():
    model = nnx.eval_shape(
        lambda: build(section(name="resnet18", stem="small", last_stage="stage1", dropout=0.5))
    )
    assert list(model.stages()) == ["stem", "stage1", "head"]
    assert model.conv1.kernel.shape == (3, 3, 3, 64)
    assert load.options_from_section(section(name="baseline")) == {}
    assert load.options_from_section(section(dropout=0.0)) == {"dropout": 0.0}


def test_model_of_a_section_is_that_of_its_seed():
    model = build(section(name="two_layer"))
    expected = models.build("two_layer", inputs=3, classes=5, size=(17, 17), rngs=nnx.Rngs(0))
    params, expected_params = (nnx.state(one, nnx.Param) for one in (model, expected))
    jax.tree.map(np.testing.assert_array_equal, params, expected_params)


def test_model_of_a_section_loads_its_weights_without_some_stages(tmp_path):
    source = models.build("squeezenet1_1", inputs=3, classes=7, rngs=nnx.Rngs(1))
    np.savez(tmp_path / "weights.npz", **state_dict(source))
    pretrained = section(name="squeezenet1_1", pretrained=str(tmp_path / "weights.npz"))
    model = build(pretrained, without=("head",))
    random = build(pretrained, pretrained=False)
    np.testing.assert_array_equal(model.stage_layers[0][0].kernel, source.stage_layers[0][0].kernel)
    np.testing.assert_array_equal(model.head.kernel, random.head.kernel)
    with pytest.raises(UserError, match=r"classifier\.1\.weight \[7, 512, 1, 1\]"):
        build(pretrained)


@pytest.mark.parametrize(
    ("name", "pretrained", "values"),
    [
        ("baseline", "weights.npz", "'baseline'.*resnet18"),
        ("resnet18", "nowhere.npz", r"nowhere\.npz"),
        ("resnet18", "hub:resnet18", "hub:resnet18"),
        ("vit_tiny_patch16", "nowhere.npz", "hub:timm/vit_tiny_patch16_224"),
    ],
)
def test_error_for_weights_that_do_not_exist_or_fit(name, pretrained, values):
    pytest.importorskip("huggingface_hub")
    with pytest.raises(UserError, match=rf"config\.model\.pretrained.*{values}"):
        load.find_weights_file(section(name=name, pretrained=pretrained))
