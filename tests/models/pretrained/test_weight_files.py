"""Weight files: a grid of types, prefixes, orders of axes and formats; damaged files.

The expected weights are those of the model that the files were made of. safetensors.numpy cannot
write all types, so the files are written here.
"""

import json
import zipfile
from types import MappingProxyType

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from gv_jax import models
from gv_jax.errors import UserError
from gv_jax.models.pretrained.load import load_pretrained
from gv_jax.models.stages import get_node
from tests.models.pretrained.state_dicts import key_map, state_dict

KERNEL = "body.3.body.0.weight"  # of block 3
RELATIVE_ERRORS = MappingProxyType(
    {"float16": 1e-3, "bfloat16": 1e-2, "float32": 0, "float64": 0}  # of rounding
)
SAFETENSORS_NAMES = {
    "float16": "F16",
    "bfloat16": "BF16",
    "float32": "F32",
    "float64": "F64",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2",
    "int8": "I8",
    "uint8": "U8",
    "int64": "I64",
    "bool": "BOOL",
}
PREFIXES = (
    "module.",
    "model.",
    "backbone.",
    "_orig_mod.",
    "state_dict.",
    "module.backbone.",
    "network.encoder_q.",
)
LAYOUTS = {"HWIO": (2, 3, 1, 0), "OHWI": (0, 2, 3, 1), "IOHW": (1, 0, 2, 3)}


def ninasr(seed=0):
    return models.build("ninasr_b0", inputs=3, rngs=nnx.Rngs(seed))


@pytest.fixture(scope="module")
def source():
    return ninasr(seed=1)


@pytest.fixture(scope="module")
def weights(source):
    return MappingProxyType(state_dict(source))


@pytest.fixture(scope="module")
def target():
    return ninasr()


def write_weights(file, tensors):
    """Writes a .safetensors or .npz, of any type."""
    if file.suffix == ".npz":
        np.savez(file, **tensors)
        return
    header, offset = {}, 0
    for name, value in tensors.items():
        entry = {"dtype": SAFETENSORS_NAMES[str(value.dtype)], "shape": value.shape}
        header[name] = {**entry, "data_offsets": [offset, offset + value.nbytes]}
        offset += value.nbytes
    text = json.dumps(header).encode()
    data = b"".join(value.tobytes() for value in tensors.values())
    file.write_bytes(len(text).to_bytes(8, "little") + text + data)


def convert(weights, dtype):
    return {name: value.astype(jnp.dtype(dtype)) for name, value in weights.items()}


@pytest.mark.parametrize("suffix", [".safetensors", ".npz"])
@pytest.mark.parametrize("prefix", ["", *PREFIXES])
@pytest.mark.parametrize("dtype", RELATIVE_ERRORS)
def test_floats_with_any_prefix_are_loaded(
    source, weights, target, tmp_path, caplog, dtype, prefix, suffix
):
    file = tmp_path / f"weights{suffix}"
    tensors = convert(weights, dtype)
    write_weights(file, {prefix + name: value for name, value in tensors.items()})
    load_pretrained(target, file)
    for path in set(key_map(source).values()):
        expected = np.asarray(get_node(source, path)[...])
        loaded = np.asarray(get_node(target, path)[...])
        assert loaded.dtype == np.float32
        np.testing.assert_allclose(loaded, expected, rtol=RELATIVE_ERRORS[dtype], atol=1e-7)
    assert [repr(prefix) in record.getMessage() for record in caplog.records] == [True] * bool(
        prefix
    )


@pytest.mark.parametrize("suffix", [".safetensors", ".npz"])
@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize(
    ("dtype", "shown"),
    [
        ("int8", "int8"),
        ("uint8", "uint8"),
        ("int64", "int64"),
        ("float8_e4m3fn", "float8"),
        ("float8_e5m2", "float8"),
        ("bool", "bool"),
    ],
)
def test_error_for_another_type_names_tensor_and_type(
    weights, target, tmp_path, dtype, shown, prefix, suffix
):
    tensors = dict(weights)
    tensors[KERNEL] = (100 * weights[KERNEL]).astype(jnp.dtype(dtype))
    file = tmp_path / f"weights{suffix}"
    write_weights(file, {prefix + name: value for name, value in tensors.items()})
    message = rejection(target, file)
    assert KERNEL in message
    if (dtype, suffix) != ("float8_e5m2", ".npz"):  # NumPy cannot read what it wrote
        assert shown in message
        assert "float16" in message


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize(
    ("values", "shown"),
    [([np.nan], "1 NaN"), ([np.inf, -np.inf], "2 infinite"), ([np.nan, np.inf], "1 NaN and 1 inf")],
)
def test_error_for_values_that_are_not_finite_has_tensor_and_count(
    weights, target, tmp_path, dtype, values, shown
):
    tensors = convert(weights, dtype)
    tensors[KERNEL].flat[5 : 5 + len(values)] = values
    write_weights(tmp_path / "weights.safetensors", tensors)
    message = rejection(target, tmp_path / "weights.safetensors")
    assert f"{KERNEL} has {shown}" in message
    assert f"{weights[KERNEL].size:,}" in message


def test_float64_beyond_the_range_of_float32_is_not_finite(weights, target, tmp_path):
    tensors = convert(weights, "float64")
    tensors[KERNEL].flat[7] = 1e300
    write_weights(tmp_path / "weights.npz", tensors)
    assert f"{KERNEL} has 1 infinite" in rejection(target, tmp_path / "weights.npz")


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("prefix", ["", "model."])
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_error_for_another_order_of_axes_has_both_shapes_in_one_order(
    weights, target, tmp_path, dtype, prefix, layout
):
    tensors = {
        prefix + name: np.ascontiguousarray(value.transpose(LAYOUTS[layout]))
        if value.ndim == 4
        else value
        for name, value in convert(weights, dtype).items()
    }
    write_weights(tmp_path / "weights.npz", tensors)
    message = rejection(target, tmp_path / "weights.npz")
    name = next(name for name in weights if weights[name].shape != tensors[prefix + name].shape)
    shape, given = weights[name].shape, tensors[prefix + name].shape
    assert f"{name} {list(given)}, expected {list(shape)}" in message
    assert layout in message
    back = tuple(np.argsort(LAYOUTS[layout]).tolist())
    assert f"numpy.transpose(kernel, {back})" in message


def test_nan_in_a_tensor_that_is_not_used_is_ignored(tmp_path):
    model = models.build("squeezenet1_1", inputs=3, classes=2, rngs=nnx.Rngs(1))
    tensors = state_dict(model)
    tensors["classifier.1.weight"][:] = np.nan
    write_weights(tmp_path / "weights.npz", tensors)
    load_pretrained(model, tmp_path / "weights.npz", without=("head",))
    with pytest.raises(UserError, match=r"classifier\.1\.weight has 1,024 NaN"):
        load_pretrained(model, tmp_path / "weights.npz")


def test_error_for_two_copies_of_a_network_names_their_prefixes(weights, target, tmp_path):
    tensors = {
        prefix + name: value
        for prefix in ("student.", "teacher.")
        for name, value in weights.items()
    }
    write_weights(tmp_path / "weights.npz", tensors)
    message = rejection(target, tmp_path / "weights.npz")
    assert "'student.'" in message
    assert "'teacher.'" in message


def test_tensors_without_the_prefix_are_ignored_and_named(weights, target, tmp_path, caplog):
    tensors = {f"backbone.{name}": value for name, value in weights.items()}
    tensors["projector.0.weight"] = np.zeros((3, 3), np.float32)
    write_weights(tmp_path / "weights.npz", tensors)
    load_pretrained(target, tmp_path / "weights.npz")
    (record,) = caplog.records
    assert "projector.0.weight" in record.getMessage()


@pytest.mark.parametrize("fraction", [0.3, 0.7, 0.999])
def test_error_for_a_truncated_file_names_the_first_incomplete_tensor(
    weights, target, tmp_path, fraction
):
    file = tmp_path / "weights.safetensors"
    write_weights(file, weights)
    content = file.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    size = int(fraction * len(content))
    file.write_bytes(content[:size])
    ends = {name: 8 + length + entry["data_offsets"][1] for name, entry in header.items()}
    cut = {name for name, end in ends.items() if end > size}
    message = rejection(target, file)
    assert any(f"tensor {name} " in message for name in cut)
    assert f"{size:,}" in message


@pytest.mark.parametrize("size", [0, 5, 8, 100])
@pytest.mark.parametrize("suffix", [".safetensors", ".npz"])
def test_error_for_a_file_cut_in_its_header_is_one_line(weights, target, tmp_path, suffix, size):
    file = tmp_path / f"weights{suffix}"
    write_weights(file, weights)
    file.write_bytes(file.read_bytes()[:size])
    assert str(file) in rejection(target, file)


def test_error_for_a_damaged_member_names_the_tensor(weights, target, tmp_path):
    file = tmp_path / "weights.npz"
    write_weights(file, weights)
    with zipfile.ZipFile(file) as archive:
        offset = archive.getinfo(f"{KERNEL}.npy").header_offset
    content = bytearray(file.read_bytes())
    content[offset + 500] ^= 255
    file.write_bytes(content)
    assert f"tensor {KERNEL}" in rejection(target, file)


def rejection(model, file):
    """The error of loading, which is one line and leaves the model unchanged."""
    before = np.asarray(model.head.kernel[...])
    with pytest.raises(UserError) as caught:
        load_pretrained(model, file)
    np.testing.assert_array_equal(np.asarray(model.head.kernel[...]), before)
    assert "\n" not in str(caught.value)
    assert str(file) in str(caught.value) or "prefixes" in str(caught.value)
    return str(caught.value)
