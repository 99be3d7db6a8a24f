"""Files of `torch.save`: the zip format, and the legacy format from before PyTorch 1.6."""

import pickle
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from gv_jax.models.pretrained.torch_pickle import (
    Storage,
    TensorView,
    load_pickle,
    read_tensor,
)
from gv_jax.models.pretrained.weights_file import describe_read_error, unreadable

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C  # the first pickle of the legacy format
PROTOCOL_VERSION = 1001  # the second one
COUNT_BYTES = 8  # a little-endian integer before each storage of the legacy format
STATE_DICT_KEYS = ("state_dict", "model")  # of a checkpoint, which holds a state dict
ReadStorage = Callable[[Storage], np.ndarray]


def read_torch_file(file: Path) -> dict[str, np.ndarray]:
    """The tensors of a state dict, or of a checkpoint that holds one. Nothing in it is executed.

    Raises:
        UserError: the file is damaged or of another format, or has anything but tensors.
    """
    try:
        with file.open("rb") as stream:
            if zipfile.is_zipfile(stream):
                with zipfile.ZipFile(stream) as archive:
                    return read_zip(archive)
            stream.seek(0)
            return read_legacy(stream, file.stat().st_size)
    except Exception as error:  # a damaged pickle may raise any
        raise unreadable(file, describe_read_error(error)) from error


def read_zip(archive: zipfile.ZipFile) -> dict[str, np.ndarray]:
    """The tensors of the zip format: a pickle, and a file for each storage."""
    pickles = [name for name in archive.namelist() if name.count("/") == 1 and is_data(name)]
    if len(pickles) != 1:
        raise ValueError("the zip file has no data.pkl")
    folder = pickles[0].partition("/")[0]
    if any(info.compress_type != zipfile.ZIP_STORED for info in archive.infolist()):
        raise ValueError("the zip file is compressed, which those of PyTorch are not")
    if f"{folder}/byteorder" in archive.namelist():
        check_byte_order(archive.read(f"{folder}/byteorder") == b"little")
    with archive.open(pickles[0]) as stream:
        # a member of a zip file reads like a binary file, but is not typed as one
        views = find_tensors(load_pickle(stream))  # pyright: ignore[reportArgumentType]

    def read_storage(storage: Storage) -> np.ndarray:
        return view_bytes(archive.read(f"{folder}/data/{storage.key}"), storage)

    return read_views(views, read_storage)


def is_data(name: str) -> bool:
    return name.endswith("/data.pkl")


def read_legacy(stream: BinaryIO, size: int) -> dict[str, np.ndarray]:
    """The tensors of the legacy format: five pickles, then the storages.

    Args:
        stream: the file, at its beginning.
        size: of the file in bytes.
    """
    if load_pickle(stream) != MAGIC_NUMBER or load_pickle(stream) != PROTOCOL_VERSION:
        raise ValueError("no file of torch.save")
    check_byte_order(load_pickle(stream).get("little_endian") is True)
    views = find_tensors(load_pickle(stream))
    keys = load_pickle(stream)
    kinds = {view.storage.key: view.storage for view in views.values()}
    if any(view.storage != kinds[view.storage.key] for view in views.values()):
        raise ValueError("tensors disagree on the type or size of their storage")
    starts: dict[str, int] = {}
    for key in keys:
        if key not in kinds:
            raise ValueError(f"storage {key!r} belongs to no tensor")
        count = int.from_bytes(stream.read(COUNT_BYTES), "little")
        if count != kinds[key].count:
            raise ValueError(f"storage {key} has {count:,} numbers, not {kinds[key].count:,}")
        starts[key] = stream.tell()
        end = starts[key] + count * kinds[key].dtype.itemsize
        if end > size:
            raise ValueError(f"truncated: storage {key} ends at byte {end:,}, the file at {size:,}")
        stream.seek(end)

    def read_storage(storage: Storage) -> np.ndarray:
        stream.seek(starts[storage.key])
        return view_bytes(stream.read(storage.count * storage.dtype.itemsize), storage)

    return read_views(views, read_storage)


def check_byte_order(is_little: bool) -> None:
    if not is_little:
        raise ValueError("its numbers are big-endian")


def view_bytes(content: bytes, storage: Storage) -> np.ndarray:
    """The numbers of a storage; ValueError if there are more or fewer."""
    if len(content) != storage.count * storage.dtype.itemsize:
        raise ValueError(
            f"storage {storage.key} has {len(content):,} bytes, not {storage.count:,} numbers of "
            f"{storage.dtype}"
        )
    return np.frombuffer(content, np.uint8).view(storage.dtype)


def find_tensors(state: Any) -> dict[str, TensorView]:
    """The tensors of a state dict by name; UnpicklingError for other values."""
    for key in STATE_DICT_KEYS:
        if isinstance(state, Mapping) and isinstance(state.get(key), Mapping):
            state = state[key]
    if not isinstance(state, Mapping):
        raise pickle.UnpicklingError(f"it has a {type(state).__name__}, not a state dict")
    for name, value in state.items():
        if not (isinstance(name, str) and isinstance(value, TensorView)):
            raise pickle.UnpicklingError(f"{str(name)[:80]!r} is no tensor")
    return dict(state)


def read_views(views: Mapping[str, TensorView], read_storage: ReadStorage) -> dict[str, np.ndarray]:
    """The tensors; those that share a storage become arrays of their own."""
    return {name: read_tensor(view, read_storage(view.storage)) for name, view in views.items()}
