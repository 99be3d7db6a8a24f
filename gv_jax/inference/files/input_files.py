"""Which images a command line names: files, folders, globs, zip files and a list."""

import glob
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path, PurePosixPath

from gv_jax.data.builders import folder_listing
from gv_jax.data.builders.folder_listing import describe_counts
from gv_jax.data.builders.system_files import is_system_name
from gv_jax.data.natural_order import natural_key
from gv_jax.errors import UserError
from gv_jax.inference.files.path_text import escape_path
from gv_jax.inference.files.zip_members import is_zip, list_members
from gv_jax.wording import count_noun

LIST = "-"  # the input that stands for a list of paths on standard input
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class ImageSource:
    """An image to predict.

    Attributes:
        path: The file, or the zip file that contains it.
        name: Its path below the input, with / between its parts.
        member: Its name in the zip file; "" for a file of its own.
    """

    path: Path
    name: str
    member: str = ""

    def __str__(self) -> str:
        """The path as printable text; a zip file counts as a folder."""
        path = escape_path(self.path)
        return f"{path}/{escape_path(self.member)}" if self.member else path


@dataclass
class Inputs:
    """What a command line names.

    Attributes:
        sources: Images in the order of the inputs, those of a folder in natural order.
        problems: (path as text, reason) of what cannot be listed.
        missing: Inputs that do not exist.
        roots: Folders, zip files and files that were given.
        notes: Lines on what is left out.
    """

    sources: list[ImageSource] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)
    missing: list[Path] = field(default_factory=list)
    roots: list[Path] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def list_inputs(words: Sequence[str], listed: bytes = b"") -> Inputs:
    """Lists the images that the words of a command line name.

    The `name` of an image is its path below the folder or zip file that was given; below the part
    of a glob before its first wildcard; as it was given for a relative path in the list; and the
    file name otherwise. An image that is named twice is used once, with its first name.

    Args:
        words: Files, folders, zip files, globs, or "-" for `listed`.
        listed: Paths, one a line or each followed by a zero byte.

    Raises:
        UserError: A glob without matches, an empty list, or a damaged zip file.
    """
    inputs = Inputs()
    for word in words:
        if word == LIST:
            _add_list(inputs, split_list(listed))
        else:
            _add_word(inputs, word)
    count = len(inputs.sources)
    inputs.sources = drop_repeated(inputs.sources)
    if repeated := count - len(inputs.sources):
        inputs.notes.append(f"{count_noun(repeated, 'image')} given twice; each is used once")
    return inputs


def split_list(listed: bytes) -> list[str]:
    """The paths of a list: lines, or, as of `find -print0`, each followed by a zero byte."""
    data = listed.removeprefix(BYTE_ORDER_MARK)
    parts = (
        data.split(b"\0") if b"\0" in data else [line.rstrip(b"\r") for line in data.split(b"\n")]
    )
    return [os.fsdecode(part) for part in parts if part]


def drop_repeated(sources: Iterable[ImageSource]) -> list[ImageSource]:
    """The sources without those that name the same file as an earlier one.

    Links inside one folder are files of their own.
    """
    resolve = cache(os.path.realpath)
    kept: dict[tuple[str, str], ImageSource] = {}
    for source in sources:
        key = f"{resolve(_root_of(source))}/{source.name}", source.member
        kept.setdefault(key, source)
    return list(kept.values())


def _root_of(source: ImageSource) -> str:
    """The folder that `source.name` is relative to; the zip file of a member."""
    if source.member:
        return str(source.path)
    depth = len(PurePosixPath(source.name).parts)
    return os.path.dirname(source.path) if depth == 1 else str(source.path.parents[depth - 1])


def _add_word(inputs: Inputs, word: str) -> None:
    path = Path(os.path.expanduser(word))
    if path.exists():
        _add_path(inputs, path, path.name)
    elif glob.has_magic(word) and not os.path.lexists(path):
        _add_glob(inputs, os.path.expanduser(word))
    else:
        inputs.missing.append(path)


def _add_glob(inputs: Inputs, pattern: str) -> None:
    """Adds what a shell would make of the pattern; ** is any number of folders."""
    matches = sorted(glob.glob(pattern, recursive=True), key=natural_key)
    parts = Path(pattern).parts
    fixed = next(index for index, part in enumerate(parts) if glob.has_magic(part))
    base = Path(*parts[:fixed])
    kept = [path for path in map(Path, matches) if not is_system_name(path.name)]
    if "**" in parts:  # lists the files in folders too
        kept = [path for path in kept if not path.is_dir()]
    if not kept:
        raise UserError(f"{escape_path(pattern)}: no file matches")
    for path in kept:
        _add_path(inputs, path, path.relative_to(base).as_posix())


def _add_list(inputs: Inputs, paths: Sequence[str]) -> None:
    if not paths:
        raise UserError("standard input lists no file: give one path a line")
    for text in paths:
        path = Path(text)
        is_inside = not path.is_absolute() and ".." not in path.parts
        if path.exists():
            _add_path(inputs, path, path.as_posix() if is_inside else path.name)
        else:
            inputs.problems.append((escape_path(path), "does not exist"))


def _add_path(inputs: Inputs, path: Path, name: str) -> None:
    """Adds a file, folder or zip file that exists.

    Args:
        inputs: Gets it.
        path: The path.
        name: `ImageSource.name` of a file.
    """
    inputs.roots.append(path)
    if path.is_dir():
        _add_folder(inputs, path)
    elif not path.is_file():
        inputs.problems.append((escape_path(path), "is no regular file"))
    elif is_zip(path):
        members, problems = list_members(path)
        inputs.sources += [ImageSource(path, below, member) for member, below in members]
        inputs.problems += [
            (str(ImageSource(path, member, member)), reason) for member, reason in problems
        ]
        if not members and not problems:
            inputs.notes.append(f"{escape_path(path)}: no image in it")
    else:
        inputs.sources.append(ImageSource(path, name))


def _add_folder(inputs: Inputs, folder: Path) -> None:
    listing = folder_listing.scan(folder)
    for file in listing.files:
        inputs.sources.append(ImageSource(file.path, file.path.relative_to(folder).as_posix()))
    inputs.problems += [(escape_path(path), reason) for path, reason in listing.problems]
    if listing.left_out:
        left_out = describe_counts(listing.left_out)
        inputs.notes.append(f"{escape_path(folder)}: left out {left_out}")
    if not listing.files:
        inputs.notes.append(f"{escape_path(folder)}: no image in it")
