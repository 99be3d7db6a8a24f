"""SHA-256 of source files, remembered between starts so that unchanged files are not read again."""

import hashlib
import json
import os
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tqdm import tqdm

INDEX_FOLDER = "hashes"  # below the folder of prepared data
# A file that changed less than this before it was hashed may change again within the resolution of
# its time stamps (2 s on FAT), so its hash is not remembered.
SETTLE_NS = 2_000_000_000
HASH_THREADS = 8  # reading and hashing release Python's lock
UNREADABLE = "unreadable"  # instead of a hash; the builder reports such a file when it decodes it

Stat = list[int]  # size, modification time, change time, inode


def content_digest(files: Iterable[tuple[str, Path]], root: Path) -> str:
    """One SHA-256 of the names and contents of files.

    Args:
        files: (name, path) of each file, in a fixed order.
        root: Folder of prepared data, which holds the remembered hashes.
    """
    listed = list(files)
    hashes = hash_files([path for _, path in listed], root)
    digest = hashlib.sha256()
    for (name, _), file_hash in zip(listed, hashes, strict=True):
        digest.update(f"{name}\0{file_hash}\n".encode("utf-8", "backslashreplace"))
    return digest.hexdigest()


def hash_files(paths: Sequence[Path], root: Path) -> list[str]:
    """The SHA-256 of every file.

    A file is read unless size, both times and inode are those of an earlier call. The change time
    (ctime) also differs for a file that was replaced with its old modification time, as `cp -p`
    and archives do.

    Args:
        paths: Files.
        root: Folder of prepared data. Hashes are remembered below it where it can be written.
    """
    if not paths:
        return []
    absolute = [os.path.abspath(path) for path in paths]
    index_file = find_index_file(absolute, root)
    index = read_index(index_file)
    stats = [read_stat(path) for path in absolute]
    changed = [
        number
        for number, (path, stat) in enumerate(zip(absolute, stats, strict=True))
        if path not in index or index[path][:-1] != stat
    ]
    hashes = [index[path][-1] if path in index else UNREADABLE for path in absolute]
    hashed_at = time.time_ns()
    with ThreadPoolExecutor(HASH_THREADS) as pool:
        new_hashes = pool.map(hash_file, [absolute[number] for number in changed])
        progress = tqdm(new_hashes, "hash files", len(changed), unit=" files", delay=1)
        for number, file_hash in zip(changed, progress, strict=True):
            hashes[number] = file_hash
    remembered = {
        path: [*stat, file_hash]
        for path, stat, file_hash in zip(absolute, stats, hashes, strict=True)
        if file_hash != UNREADABLE and max(stat[1:3]) < hashed_at - SETTLE_NS
    }
    requested = set(absolute)
    others = {path: entry for path, entry in index.items() if path not in requested}
    if (merged := others | remembered) != index:
        write_index(index_file, merged)
    return hashes


def find_index_file(paths: Sequence[str], root: Path) -> Path:
    """The file with the remembered hashes of the files of one folder."""
    folder = os.path.commonpath([os.path.dirname(path) for path in paths])
    name = hashlib.sha256(folder.encode("utf-8", "backslashreplace")).hexdigest()[:20]
    return Path(root) / "prepared" / INDEX_FOLDER / f"{name}.json"


def read_index(file: Path) -> dict[str, list[Any]]:
    """Path -> [*stat, hash]; {} if the file is missing or damaged."""
    try:
        index = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return index if isinstance(index, dict) else {}


def write_index(file: Path, index: dict[str, list[Any]]) -> None:
    """Writes the index atomically; does nothing where it cannot be written.

    Without it files are hashed again. What has to be written reports a full or read-only disk.
    """
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(index), encoding="utf-8")
        partial.replace(file)
    except OSError:
        partial.unlink(missing_ok=True)


def read_stat(path: str) -> Stat:
    """What changes when a file is modified or replaced; zeros for a file that cannot be opened."""
    try:
        status = os.stat(path)
    except OSError:
        return [0, 0, 0, 0]
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def hash_file(path: str) -> str:
    """The SHA-256 of a file; UNREADABLE if it cannot be read."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return UNREADABLE
