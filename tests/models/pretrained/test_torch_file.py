"""Files of `torch.save` give their tensors and execute nothing."""

import numpy as np
import pytest

from gv_jax.errors import UserError
from gv_jax.models.pretrained.torch_file import read_torch_file
from tests.models.pretrained.torch_files import WRITERS, Call, Global, Storage, tensor

VALUES = np.arange(24, dtype=np.float32)


@pytest.fixture(params=WRITERS)
def write(request, tmp_path):
    """Writes a state dict and its storages to a file, in either format, and returns the file."""

    def write(state, *storages):
        WRITERS[request.param](tmp_path / "weights.pth", state, storages)
        return tmp_path / "weights.pth"

    return write


def test_tensors_are_views_of_storages(write):
    storage, counts = Storage("7", VALUES), Storage("8", np.array([5]), "LongStorage")
    file = write(
        {
            "whole": tensor(storage, (2, 3, 4), (12, 4, 1)),
            "transposed": tensor(storage, (4, 3), (1, 4), 12),
            "empty": tensor(storage, (0, 5), (5, 1), 24),
            "bn.num_batches_tracked": tensor(counts, (), ()),
        },
        storage,
        counts,
    )
    tensors = read_torch_file(file)
    np.testing.assert_array_equal(tensors["whole"], VALUES.reshape(2, 3, 4))
    np.testing.assert_array_equal(tensors["transposed"], VALUES[12:].reshape(3, 4).T)
    assert tensors["empty"].shape == (0, 5)
    assert tensors["bn.num_batches_tracked"] == 5
    assert tensors["bn.num_batches_tracked"].dtype == np.int64


def test_the_state_dict_of_a_checkpoint_is_read(write):
    storage = Storage("0", VALUES)
    parameter = Call(
        Global("torch._utils", "_rebuild_parameter"), tensor(storage, (24,), (1,)), True, {}
    )
    file = write({"epoch": 3, "state_dict": {"bias": parameter}}, storage)
    np.testing.assert_array_equal(read_torch_file(file)["bias"], VALUES)


def payload(function, *arguments):
    return Call(Global(*function.rsplit(".", 1)), *arguments)


@pytest.fixture
def marker(tmp_path):
    return tmp_path / "executed"


PAYLOADS = {
    "os.system": lambda path: payload("os.system", f"touch {path}"),
    "posix.system": lambda path: payload("posix.system", f"touch {path}"),
    "builtins.eval": lambda path: payload("builtins.eval", f"open({str(path)!r}, 'w')"),
    "builtins.exec": lambda path: payload("builtins.exec", f"open({str(path)!r}, 'w')"),
    "builtins.getattr": lambda path: payload("builtins.getattr", "", "join"),
    "subprocess.call": lambda path: payload("subprocess.call", ["touch", str(path)]),
    "pathlib.Path": lambda path: payload("pathlib.Path", str(path)),
    "torch.load": lambda path: payload("torch.load", str(path)),
    "collections.OrderedDict.fromkeys": lambda path: payload(
        "collections.OrderedDict.fromkeys", ["a"]
    ),
    "numpy.fromfile": lambda path: payload("numpy.fromfile", str(path)),
    "torch._utils._rebuild_tensor": lambda path: payload("torch._utils._rebuild_tensor"),
}
NESTINGS = {
    "value": lambda value: {"weight": value},
    "root": lambda value: value,
    "key": lambda value: {"a": [(1, {"b": value})]},
    "arguments": lambda value: Call(Global("collections", "OrderedDict"), [("a", value)]),
    "tensor": lambda value: {"a": tensor(value, (1,), (1,))},
}


@pytest.mark.parametrize("nesting", NESTINGS)
@pytest.mark.parametrize("name", PAYLOADS)
def test_a_payload_is_refused_by_name_and_not_executed(write, marker, name, nesting):
    file = write(NESTINGS[nesting](PAYLOADS[name](marker)))
    with pytest.raises(UserError, match=name.replace(".", r"\.")) as error:
        read_torch_file(file)
    assert str(file) in str(error.value)
    assert not marker.exists()


@pytest.mark.parametrize(
    ("name", "opcodes"),
    [
        ("STRING", b"(S'touch {path}'\nios\nsystem\n"),
        ("OBJ", b"(ccollections\nOrderedDict\no"),
        ("NEWOBJ", b"ccollections\nOrderedDict\n)\x81"),
        ("EXT1", b"\x82\x01"),
        ("INST", b"(ios\nsystem\n"),
        ("STACK_GLOBAL", b"NN\x93"),
        ("LONG4", b"\x8b\x01\x00\x00\x00\x01"),
        ("PERSID", b"P0\n"),
        ("BYTEARRAY8", b"\x96\x01\x00\x00\x00\x00\x00\x00\x00a"),
        ("LONG_BINPUT", b"Nr\xff\xff\xff\x7f"),
    ],
)
def test_an_instruction_that_no_tensors_need_is_refused(write, marker, name, opcodes):
    file = write({"a": opcodes.replace(b"{path}", str(marker).encode())})
    with pytest.raises(UserError, match=name):
        read_torch_file(file)
    assert not marker.exists()


@pytest.mark.parametrize(
    ("shape", "strides", "offset"),
    [
        ((25,), (1,), 0),
        ((24,), (1,), 1),
        ((2, 12), (13, 1), 0),
        ((1,), (1,), 24),
        ((1,), (1,), -1),
        ((-1,), (1,), 0),
        ((4,), (-1,), 3),
        ((1_000_000,), (0,), 0),  # more numbers than are in the storage
        ((2**63, 2**63), (0, 0), 0),
        ((2, 3), (3,), 0),
        ((2.0,), (1,), 0),
        ((True,), (1,), 0),
        ([2], [1], 0),
        ((0,), (1,), 25),
    ],
)
def test_a_tensor_outside_of_its_storage_is_refused(write, shape, strides, offset):
    storage = Storage("0", VALUES)
    file = write({"a": tensor(storage, shape, strides, offset)}, storage)
    with pytest.raises(UserError, match="tensor"):
        read_torch_file(file)


@pytest.mark.parametrize("count", [23, 25, 10**12, -1, "24", None])
def test_a_storage_of_another_size_is_refused(write, count):
    storage = Storage("0", VALUES)
    storage.pid = (*storage.pid[:4], count)
    with pytest.raises(UserError, match="storage"):
        read_torch_file(write({"a": tensor(storage, (2,), (1,))}, storage))


def test_attributes_of_a_global_cannot_be_set(write):
    changed = b"ctorch._utils\n_rebuild_tensor_v2\n}X\x01\x00\x00\x00aNsb"  # BUILD
    with pytest.raises(UserError):
        read_torch_file(write({"a": changed}))


@pytest.mark.parametrize("state", [3, [1], {"epoch": 3}, {"a": "text"}, {3: {}}, {"state_dict": 1}])
def test_values_other_than_tensors_are_refused(write, state):
    with pytest.raises(UserError, match=r"weights\.pth"):
        read_torch_file(write(state))


@pytest.mark.parametrize("fraction", [0, 0.1, 0.5, 0.99])
def test_a_truncated_file_is_refused(write, fraction):
    storage = Storage("0", VALUES)
    file = write({"a": tensor(storage, (24,), (1,))}, storage)
    content = file.read_bytes()
    file.write_bytes(content[: int(fraction * len(content))])
    with pytest.raises(UserError, match=r"weights\.pth"):
        read_torch_file(file)


@pytest.mark.parametrize("is_zip", [False, True])
def test_files_of_pytorch_are_read(tmp_path, is_zip):
    torch = pytest.importorskip("torch")
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4)).half()
    state = model.state_dict() | {
        "shared": model[0].weight.data[1:].transpose(0, 1),
        "bfloat16": torch.arange(5, dtype=torch.bfloat16),
        "parameter": torch.nn.Parameter(torch.ones(2)),
    }
    torch.save(state, tmp_path / "weights.pth", _use_new_zipfile_serialization=is_zip)
    tensors = read_torch_file(tmp_path / "weights.pth")
    assert tensors.keys() == state.keys()
    for name, value in state.items():
        assert str(tensors[name].dtype) == str(value.dtype).removeprefix("torch.")
        np.testing.assert_array_equal(
            tensors[name].astype(np.float64), value.detach().double().numpy()
        )
