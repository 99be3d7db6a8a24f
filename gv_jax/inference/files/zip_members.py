"""Images in zip files, read in memory: nothing is ever extracted through the name of a member."""

import stat
import threading
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from gv_jax.data.builders.folder_listing import IMAGE_SUFFIXES
from gv_jax.data.builders.system_files import is_system_name
from gv_jax.data.formats.header import CorruptImageError
from gv_jax.data.natural_order import natural_key
from gv_jax.errors import UserError

MAGICS = (b"PK\x03\x04", b"PK\x05\x06")  # of a zip file, and of one without members
MAX_MEMBER_BYTES = 64 * 2**20
MAX_RATIO = 1100  # deflate reaches 1032; above it, members share their bytes as in a zip bomb
MAX_OPEN = 16  # zip files
ENCRYPTED = 1  # bit of `ZipInfo.flag_bits`
READ_ERRORS = (
    *(zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError),
    *(NotImplementedError, RuntimeError, MemoryError),
)


def is_zip(path: Path) -> bool:
    """Whether the file begins as a zip file does."""
    try:
        with path.open("rb") as file:
            return file.read(4) in MAGICS
    except OSError:
        return False


def list_members(path: Path) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Lists the images in a zip file, in natural order.

    Of two members with one name the last counts, as in other programs.

    Returns:
        (member, its path below the zip file with / between its parts) of the images, and
        (member, reason) of those that are not read.

    Raises:
        UserError: the zip file is damaged, or a zip bomb.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = {member.filename: member for member in archive.infolist()}
    except READ_ERRORS as error:
        raise UserError(f"{path}: is a damaged zip file ({error})") from error
    total = sum(member.file_size for member in members.values())
    if total > MAX_RATIO * path.stat().st_size:
        raise UserError(
            f"{path}: is a zip bomb: {path.stat().st_size:,} bytes would become {total:,}; "
            "extract it yourself if you trust it, and give the folder"
        )
    listed, problems = [], []
    for name in sorted(members, key=natural_key):
        parts = PurePosixPath(name.replace("\\", "/")).parts
        if members[name].is_dir() or not parts or any(map(is_ignored, parts)):
            continue
        if not name.lower().endswith(IMAGE_SUFFIXES):
            continue
        if reason := _explain_unread(members[name], parts):
            problems.append((name, reason))
        else:
            listed.append((name, "/".join(parts)))
    return listed, problems


def is_ignored(part: str) -> bool:
    """Whether a part of a name is one that systems add; ".." is not, as it has to be reported."""
    return part != ".." and is_system_name(part)


def _explain_unread(member: zipfile.ZipInfo, parts: tuple[str, ...]) -> str:
    """Why a member is not read; "" if it is."""
    if ".." in parts or parts[0] == "/" or any("\0" in part for part in parts) or ":" in parts[0]:
        return "has a name that leads out of its folder"
    if stat.S_ISLNK(member.external_attr >> 16):
        return "is a symbolic link"
    if member.flag_bits & ENCRYPTED:
        return "is encrypted"
    if member.file_size > MAX_MEMBER_BYTES:
        return f"has {member.file_size:,} bytes, above the limit of {MAX_MEMBER_BYTES:,}"
    return ""


class ZipFiles:
    """Zip files that stay open while their members are read; for several threads."""

    def __init__(self) -> None:
        self._archives: dict[Path, zipfile.ZipFile] = {}
        self._lock = threading.Lock()

    def read(self, path: Path, member: str) -> bytes:
        """The content of a member.

        Raises:
            CorruptImageError: it is damaged, or has more than MAX_MEMBER_BYTES.
        """
        try:
            with self._archive(path).open(member) as stream:
                data = b"".join(_read_blocks(stream))
        except (*READ_ERRORS, KeyError) as error:
            raise CorruptImageError(f"cannot be read from the zip file ({error})") from error
        if len(data) > MAX_MEMBER_BYTES:
            raise CorruptImageError(f"has more than {MAX_MEMBER_BYTES:,} bytes")
        return data

    def date_of(self, path: Path, member: str) -> tuple[int, int, int, int, int, int]:
        """Year, month, day, hour, minute and second of a member, in local time."""
        return self._archive(path).getinfo(member).date_time

    def _archive(self, path: Path) -> zipfile.ZipFile:
        with self._lock:
            if path not in self._archives:
                if len(self._archives) >= MAX_OPEN:  # closed once no thread reads it any more
                    self._archives.pop(next(iter(self._archives)))
                self._archives[path] = zipfile.ZipFile(path)
            return self._archives[path]


def _read_blocks(stream: IO[bytes]) -> Iterator[bytes]:
    """The content up to one block behind MAX_MEMBER_BYTES, whatever the header states."""
    total = 0
    while total <= MAX_MEMBER_BYTES and (block := stream.read(2**20)):
        total += len(block)
        yield block
