"""Files of weights: .safetensors and .npz, name -> tensor."""

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import jax.numpy as jnp
import numpy as np

from gv_jax.errors import UserError

SAFETENSORS_DTYPES: Mapping[str, Any] = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "BF16": jnp.bfloat16,
    "F8_E4M3": jnp.float8_e4m3fn,
    "F8_E5M2": jnp.float8_e5m2,
    "I64": np.int64,
    "I32": np.int32,
    "I16": np.int16,
    "I8": np.int8,
    "U64": np.uint64,
    "U32": np.uint32,
    "U16": np.uint16,
    "U8": np.uint8,
    "BOOL": np.bool_,
    "C64": np.complex64,
}
HEADER_LENGTH_BYTES = 8  # a little-endian integer before the header of a .safetensors
METADATA_KEY = "__metadata__"
READ_ERRORS = (OSError, ValueError, KeyError, EOFError, TypeError, BadZipFile, zlib.error)


def read_weights(file: Path) -> dict[str, np.ndarray]:
    """The tensors in a file with a suffix of WEIGHT_READERS; the types of PyTorch are kept.

    Raises:
        UserError: the file is truncated, damaged or of another format.
    """
    return WEIGHT_READERS[file.suffix](file)


def read_safetensors(file: Path) -> dict[str, np.ndarray]:
    """As `read_weights`. Written here because safetensors.numpy has no bfloat16 and no float8."""
    header, start = read_tensor_entries(file)
    size = file.stat().st_size
    tensors = {}
    for name, entry in header.items():
        try:
            dtype, shape = entry["dtype"], tuple(entry["shape"])
            first, last = (start + offset for offset in entry["data_offsets"])
            if dtype not in SAFETENSORS_DTYPES:
                raise unreadable(file, f"tensor {name} is of type {dtype}")
            if last > size:
                raise unreadable(
                    file,
                    f"truncated: tensor {name} ends at byte {last:,}, the file at {size:,}",
                )
            content = np.fromfile(file, np.uint8, last - first, offset=first)
            tensors[name] = content.view(SAFETENSORS_DTYPES[dtype]).reshape(shape)
        except READ_ERRORS as error:
            raise unreadable(file, f"tensor {name}: {describe_read_error(error)}") from error
    return tensors


def read_tensor_entries(file: Path) -> tuple[dict[str, Any], int]:
    """The header of a .safetensors without its metadata, and the byte at which its data start."""
    header, start = read_header_and_start(file)
    return {name: entry for name, entry in header.items() if name != METADATA_KEY}, start


def read_metadata(file: Path) -> dict[str, str]:
    """The metadata of a .safetensors; {} without any."""
    metadata = read_header_and_start(file)[0].get(METADATA_KEY)
    return metadata if isinstance(metadata, dict) else {}


def read_header_and_start(file: Path) -> tuple[dict[str, Any], int]:
    """The header of a .safetensors, and the byte at which its data start."""
    try:
        with file.open("rb") as content:
            length = int.from_bytes(content.read(HEADER_LENGTH_BYTES), "little")
            start, size = HEADER_LENGTH_BYTES + length, file.stat().st_size
            text = content.read(length) if start <= size else b""
    except OSError as error:
        raise unreadable(file, describe_read_error(error)) from error
    if size < HEADER_LENGTH_BYTES or start > size:
        raise unreadable(
            file,
            f"it has {size:,} bytes and a header of {length:,}: truncated, or no .safetensors",
        )
    try:
        header = json.loads(text)
    except ValueError as error:
        raise unreadable(file, f"its header is no JSON: {describe_read_error(error)}") from error
    if not isinstance(header, dict):
        raise unreadable(file, "its header is no JSON object")
    return header, start


def read_npz(file: Path) -> dict[str, np.ndarray]:
    """As `read_weights`."""
    tensors, name = {}, ""
    try:
        with file.open("rb") as content:  # np.load leaves it open when it fails
            arrays = np.load(content, allow_pickle=False)
            if isinstance(arrays, np.ndarray):
                raise ValueError("one array without a name")
            for name in arrays.files:
                tensors[name] = name_dtype(arrays[name])
    except READ_ERRORS as error:
        reason = (
            f"tensor {name}: {describe_read_error(error)}" if name else describe_read_error(error)
        )
        raise unreadable(file, reason) from error
    return tensors


def name_dtype(array: np.ndarray) -> np.ndarray:
    """An array of bfloat16 again, which a .npz stores as two bytes without a type."""
    return array.view(jnp.bfloat16) if array.dtype == np.dtype("V2") else array


def unreadable(file: Path, reason: str) -> UserError:
    """The error for a file that is not what its name says."""
    return UserError(f"{file}: cannot read weights ({reason}); download or convert it again")


def describe_read_error(error: Exception) -> str:
    """The first line of an exception's message, or its kind."""
    return str(error).strip().partition("\n")[0] or type(error).__name__


WEIGHT_READERS = {".safetensors": read_safetensors, ".npz": read_npz}
