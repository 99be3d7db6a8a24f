"""Pickles of `torch.save`, read without PyTorch: they may refer to tensors and to nothing else."""

import io
import pickle
import pickletools
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, BinaryIO, NamedTuple

import jax.numpy as jnp
import numpy as np

STORAGE_DTYPES: Mapping[str, Any] = {
    "DoubleStorage": np.float64,
    "FloatStorage": np.float32,
    "HalfStorage": np.float16,
    "BFloat16Storage": jnp.bfloat16,
    "LongStorage": np.int64,
    "IntStorage": np.int32,
    "ShortStorage": np.int16,
    "CharStorage": np.int8,
    "ByteStorage": np.uint8,
    "BoolStorage": np.bool_,
}
# Of protocol 2, which PyTorch writes; without those that call or create other objects.
OPCODES = frozenset(
    (
        *("PROTO", "STOP", "MARK", "NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2"),
        *("LONG1", "BINFLOAT", "BINUNICODE", "EMPTY_LIST", "APPEND", "APPENDS"),
        *("EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_DICT", "SETITEM"),
        *("SETITEMS", "BINGET", "LONG_BINGET", "BINPUT", "LONG_BINPUT", "GLOBAL", "BINPERSID"),
        *("REDUCE", "BUILD"),
    )
)
MAX_MEMO = 1_000_000  # index of an object that the pickle refers to again


class StorageKind(NamedTuple):
    """A class of storages in PyTorch, as the dtype of their numbers."""

    dtype: np.dtype


class Storage(NamedTuple):
    """`count` numbers of one dtype in the file, and their key there."""

    key: str
    dtype: np.dtype
    count: int


class TensorView(NamedTuple):
    """A tensor: its first number in the storage, its shape, and its strides in numbers."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def load_pickle(stream: BinaryIO) -> Any:
    """The next object of `stream`: numbers, strings, containers and TensorViews.

    Raises:
        pickle.UnpicklingError: the pickle has a global or an instruction that no tensors need. None
            of it has then been called.
    """
    start = stream.tell()
    for opcode, argument, position in pickletools.genops(stream):
        is_memo = opcode.name in ("BINPUT", "LONG_BINPUT")
        if opcode.name not in OPCODES or (is_memo and int(argument or 0) > MAX_MEMO):
            raise pickle.UnpicklingError(
                f"it has the pickle instruction {opcode.name} {argument or ''} at byte "
                f"{position:,}, which no tensors need"
            )
        if opcode.name == "GLOBAL":
            find_global(*str(argument).split(" ", 1))
    size = stream.tell() - start
    stream.seek(start)
    return TensorUnpickler(io.BytesIO(stream.read(size))).load()


def find_global(module: str, name: str) -> Any:
    """What a global of PyTorch stands for; UnpicklingError for one that no tensors need."""
    if (module, name) == ("collections", "OrderedDict"):
        return StateDict
    if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
        return Rebuild()
    if (module, name) == ("torch._utils", "_rebuild_parameter"):
        return RebuildParameter()
    if module == "torch" and name in STORAGE_DTYPES:
        return StorageKind(np.dtype(STORAGE_DTYPES[name]))
    raise pickle.UnpicklingError(f"it refers to {module}.{name}, which is no tensor")


class StateDict(OrderedDict):
    """A dict whose attributes, which PyTorch sets to versions of layers, are ignored."""

    def __setstate__(self, state: object) -> None:
        del state


class Rebuild:
    """Calls `view_tensor`. An object without attributes, which a pickle cannot change."""

    __slots__ = ()

    def __call__(self, storage: object, offset: object, shape: object, strides: object, *_: object):
        return view_tensor(storage, offset, shape, strides)


class RebuildParameter:
    """Returns the tensor of a parameter. An object without attributes, as `Rebuild`."""

    __slots__ = ()

    def __call__(self, tensor: object, *_: object) -> TensorView:
        if not isinstance(tensor, TensorView):
            raise pickle.UnpicklingError("a parameter is no tensor")
        return tensor


class TensorUnpickler(pickle.Unpickler):
    """An unpickler of state dicts."""

    def find_class(self, module: str, name: str, /) -> Any:
        return find_global(module, name)

    def persistent_load(self, pid: Any, /) -> Storage:
        """The storage of ("storage", kind, key, device, count)."""
        if not (isinstance(pid, tuple) and len(pid) in (5, 6) and pid[0] == "storage"):
            raise pickle.UnpicklingError("it has a persistent object that is no storage")
        _, kind, key, _, count = pid[:5]
        if not (isinstance(kind, StorageKind) and isinstance(key, str) and is_count(count)):
            raise pickle.UnpicklingError("it has a storage without a type, key or size")
        if len(pid) == 6 and pid[5] is not None:
            raise pickle.UnpicklingError(f"storage {key} is a view of another one")
        return Storage(key, kind.dtype, count)


def view_tensor(storage: object, offset: object, shape: object, strides: object) -> TensorView:
    """The tensor of these; UnpicklingError unless all of its numbers are in the storage."""
    if not (
        isinstance(storage, Storage)
        and is_count(offset)
        and isinstance(shape, tuple)
        and isinstance(strides, tuple)
        and len(shape) == len(strides)
        and all(map(is_count, (*shape, *strides)))
    ):
        raise pickle.UnpicklingError("a tensor has no valid storage, offset, shape or strides")
    # the elements were checked above, one by one, which the type checker does not follow
    view = TensorView(storage, offset, shape, strides)  # pyright: ignore[reportArgumentType]
    if count_numbers(view) > storage.count or end_of(view) > storage.count:
        raise pickle.UnpicklingError(
            f"a tensor of shape {list(shape)}, strides {list(strides)} and offset {offset} is not "
            f"inside its storage of {storage.count:,} numbers"
        )
    return view


def is_count(value: object) -> bool:
    """Whether `value` is an integer of at least 0."""
    return type(value) is int and value >= 0


def count_numbers(view: TensorView) -> int:
    """The numbers in a tensor."""
    total = 1
    for side in view.shape:
        total *= side
    return total


def end_of(view: TensorView) -> int:
    """The index behind the last number of a tensor in its storage; its offset if it is empty."""
    if not count_numbers(view):
        return view.offset
    pairs = zip(view.shape, view.strides, strict=True)
    return view.offset + sum((side - 1) * stride for side, stride in pairs) + 1


def read_tensor(view: TensorView, numbers: np.ndarray) -> np.ndarray:
    """The tensor as an array of its own, from the numbers of its whole storage."""
    strides = [stride * numbers.itemsize for stride in view.strides]
    part = numbers[view.offset :] if count_numbers(view) else numbers[:0]
    return np.lib.stride_tricks.as_strided(part, view.shape, strides, writeable=False).copy()
