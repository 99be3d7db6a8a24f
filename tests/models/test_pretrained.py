"""Weights from a file: what fits is taken whole, what doesn't is named."""

import re

import numpy as np
import pytest
from flax import nnx
from safetensors.numpy import save_file

from gv_jax import models
from gv_jax.errors import UserError
from gv_jax.models import pretrained


@pytest.fixture
def model():
    return models.build("ninasr_b0", inputs=3, rngs=nnx.Rngs(0))


@pytest.fixture
def weights(model):
    """Another model's, in PyTorch's names and shapes."""
    other = models.build("ninasr_b0", inputs=3, rngs=nnx.Rngs(1))
    tensors = {}
    for theirs, ours in pretrained.TABLES["ninasr_b0"].items():
        value = np.asarray(pretrained.variable(other, ours))
        tensors[theirs] = np.ascontiguousarray(value.transpose(3, 2, 0, 1)) if value.ndim == 4 else value
    return tensors


def test_safetensors_and_npz_hold_the_same(model, weights, tmp_path):
    save_file(weights, tmp_path / "one.safetensors")
    np.savez(tmp_path / "two.npz", **weights)
    for file in ("one.safetensors", "two.npz"):
        pretrained.load(model, "ninasr_b0", tmp_path / file)
        kernel = np.asarray(model.units[3].attention.squeeze.kernel)
        np.testing.assert_array_equal(kernel[0, 0].T, weights["body.3.body.2.body.1.weight"][:, :, 0, 0])


def test_all_that_does_not_fit_is_named_and_nothing_is_changed(model, weights, tmp_path):
    del weights["tail.0.bias"], weights["body.2.body.0.bias"]
    weights |= {"fc.weight": np.zeros((2, 3), np.float32), "head.1.weight": np.zeros((16, 4, 3, 3), np.float32)}
    np.savez(tmp_path / "weights.npz", **weights)
    before = np.asarray(model.tail.kernel)
    with pytest.raises(UserError) as caught:
        pretrained.load(model, "ninasr_b0", tmp_path / "weights.npz")
    said = str(caught.value)
    assert "missing: body.2.body.0.bias, tail.0.bias;" in said
    assert "not known: fc.weight;" in said
    assert "of another shape: head.1.weight [16, 4, 3, 3] for [3, 3, 3, 16]" in said
    np.testing.assert_array_equal(model.tail.kernel, before)


def test_counters_of_pytorchs_norms_are_passed_over(model, weights, tmp_path):
    np.savez(tmp_path / "weights.npz", **weights, **{"norm.num_batches_tracked": np.int64(7)})
    pretrained.load(model, "ninasr_b0", tmp_path / "weights.npz")


@pytest.mark.parametrize(
    ("name", "file", "said"),
    [
        ("baseline", "weights.npz", "models that do: ninasr_b0"),
        ("ninasr_b0", "nowhere.npz", "there is no file"),
        ("ninasr_b0", "weights.pt", "weights.safetensors makes one of a state dict"),
        ("ninasr_b0", "weights.npz", "cannot be read as weights"),
        ("ninasr_b0", "weights.safetensors", "cannot be read as weights"),
    ],
)
def test_what_cannot_be_loaded_is_one_line(model, tmp_path, name, file, said):
    for broken in ("weights.npz", "weights.pt", "weights.safetensors"):
        (tmp_path / broken).write_bytes(b"no weights at all")
    with pytest.raises(UserError, match=re.escape(said)) as caught:
        pretrained.load(model, name, tmp_path / file)
    assert "\n" not in str(caught.value)
