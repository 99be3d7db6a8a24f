"""SHA-256 of source files, remembered between starts so that unchanged files are not read again."""

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from tqdm import tqdm

from gv_jax.data.parallel import map_in_threads

INDEX_FOLDER = "hashes"  # below the folder of prepared data
# A file that changed less than this before it was hashed may change again within the resolution of
# its time stamps (2 s on FAT), so its hash is not remembered.
SETTLE_NS = 2_000_000_000
HASH_THREADS = 8  # reading and hashing release Python's lock
UNREADABLE = "unreadable"  # instead of a hash; the builder reports such a file when it decodes it
FILES_PER_BLOCK = 4096  # whose paths are in memory at once
ENTRY = np.dtype([("path", "V16"), ("stat", "<i8", 4), ("hash", "V32")])  # a remembered hash

Stat = tuple[int, int, int, int]  # size, modification time, change time, inode


def content_digest(files: Iterable[tuple[str, Path]], root: Path) -> str:
    """One SHA-256 of the names and contents of files.

    Args:
        files: (name, path) of each file, in a fixed order; taken twice, so no iterator.
        root: Folder of prepared data, which holds the remembered hashes.
    """
    digest = hashlib.sha256()
    hashes = iter_hashes(lambda: (path for _, path in files), root)
    for (name, _), file_hash in zip(files, hashes, strict=True):
        digest.update(f"{name}\0{file_hash}\n".encode("utf-8", "backslashreplace"))
    return digest.hexdigest()


def hash_files(paths: Sequence[Path], root: Path) -> list[str]:
    """The SHA-256 of every file; see `iter_hashes`."""
    return list(iter_hashes(lambda: paths, root))


def iter_hashes(list_paths: Callable[[], Iterable[Path]], root: Path) -> Iterator[str]:
    """The SHA-256 of every file, in order; exhaust the iterator, or hashes are not remembered.

    A file is read unless size, both times and inode are those of an earlier call. The change time
    (ctime) also differs for a file that was replaced with its old modification time, as `cp -p`
    and archives do. 80 bytes of each file are in memory.

    Args:
        list_paths: the files; called twice.
        root: Folder of prepared data. Hashes are remembered below it where it can be written.
    """
    folder, count = find_common_folder(list_paths())
    if not count:
        return
    index_file = find_index_file(folder, root)
    known = read_index(index_file)
    entries = np.zeros(count, ENTRY)
    settled = np.zeros(count, bool)
    hashed_at = time.time_ns()
    progress = tqdm(None, "hash files", unit=" files", delay=1)
    paths = map(os.path.abspath, list_paths())
    for start in range(0, count, FILES_PER_BLOCK):
        block = list(islice(paths, FILES_PER_BLOCK))
        part = entries[start : start + len(block)]
        part["path"] = np.frombuffer(b"".join(map(hash_path, block)), "V16")
        part["stat"] = list(map(read_stat, block))
        rows = find_entries(known, part)
        if len(known):
            part["hash"] = known["hash"][rows]
        changed = np.flatnonzero(rows < 0).tolist()
        new = map_in_threads(hash_file, (block[number] for number in changed), HASH_THREADS)
        unreadable = set()
        for number, file_hash in zip(changed, new, strict=True):
            progress.update()
            if file_hash == UNREADABLE:
                unreadable.add(number)
            else:
                part["hash"][number] = np.void(bytes.fromhex(file_hash))
        newest = part["stat"][:, 1:3].max(axis=1)
        settled[start : start + len(block)] = newest < hashed_at - SETTLE_NS
        settled[[start + number for number in unreadable]] = False
        for number, value in enumerate(part["hash"]):
            yield UNREADABLE if number in unreadable else value.tobytes().hex()
    progress.close()
    others = known[find_entries(entries, known, with_stat=False) < 0]
    merged = np.concatenate([others, entries[settled]])
    merged = merged[np.argsort(_first_bytes(merged), kind="stable")]
    if merged.tobytes() != known.tobytes():
        write_index(index_file, merged)


def find_common_folder(paths: Iterable[Path]) -> tuple[str, int]:
    """The deepest folder that contains all files, and their number."""
    folders, count = set(), 0
    for path in paths:
        folders.add(os.path.dirname(os.path.abspath(path)))
        count += 1
    return (os.path.commonpath(folders) if folders else ""), count


def find_index_file(folder: str, root: Path) -> Path:
    """The file with the remembered hashes of the files below a folder."""
    name = hashlib.sha256(folder.encode("utf-8", "backslashreplace")).hexdigest()[:20]
    return Path(root) / "prepared" / INDEX_FOLDER / f"{name}.npy"


def hash_path(path: str) -> bytes:
    """16 bytes that stand for a path in the index."""
    return hashlib.sha256(path.encode("utf-8", "backslashreplace")).digest()[:16]


def find_entries(known: np.ndarray, entries: np.ndarray, *, with_stat: bool = True) -> np.ndarray:
    """The row of each entry [n] in `known` [m]; -1 if its path, or its stat, is not there: [n]."""
    if not len(known):
        return np.full(len(entries), -1)
    order = np.argsort(_first_bytes(known), kind="stable")
    places = np.searchsorted(_first_bytes(known)[order], _first_bytes(entries))
    rows = order[np.minimum(places, len(known) - 1)]
    same = known["path"][rows] == entries["path"]
    if with_stat:
        same &= (known["stat"][rows] == entries["stat"]).all(axis=1)
    return np.where(same, rows, -1)


def read_index(file: Path) -> np.ndarray:
    """The remembered hashes: ENTRY [n]; empty if the file is missing or damaged."""
    try:
        index = np.load(file)
    except (OSError, ValueError, EOFError):
        return np.zeros(0, ENTRY)
    return index if index.dtype == ENTRY and index.ndim == 1 else np.zeros(0, ENTRY)


def write_index(file: Path, index: np.ndarray) -> None:
    """Writes the index atomically; does nothing where it cannot be written.

    Without it files are hashed again. What has to be written reports a full or read-only disk.
    """
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as stream:
            np.save(stream, index)
        partial.replace(file)
    except OSError:
        partial.unlink(missing_ok=True)


def read_stat(path: str) -> Stat:
    """What changes when a file is modified or replaced; zeros for a file that cannot be opened."""
    try:
        status = os.stat(path)
    except OSError:
        return 0, 0, 0, 0
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def hash_file(path: str) -> str:
    """The SHA-256 of a file; UNREADABLE if it cannot be read."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return UNREADABLE


def _first_bytes(entries: np.ndarray) -> np.ndarray:
    """The first 8 bytes of the paths of entries, as numbers: uint64 [n].

    Of paths that share them, one is not found and its file is read at every start.
    """
    return np.ascontiguousarray(entries["path"]).view("<u8").reshape(-1, 2)[:, 0]
