"""The manifest of a sorted folder: a journal of what is done to which file, written before it.

A CSV file of one physical line per row. The first row holds the settings. A row says what is about
to be done, so after a kill some of the last rows may not have been carried out; the files
themselves show it. Half a line at the end is ignored.
"""

import csv
import dataclasses
import io
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from gv_jax.errors import UserError
from gv_jax.inference.files.path_text import escape_cell, unescape_path

MANIFEST = "manifest.csv"
START = ".manifest.partial"  # a new manifest until its settings are written
VERSION = 1
SETTINGS, FOLDER, TIME, COPY, LINK, MOVE = "settings", "folder", "time", "copy", "link", "move"
OPERATIONS = (COPY, LINK, MOVE)


@dataclass(frozen=True)
class Entry:
    """A row.

    Attributes:
        operation: "copy", "link", "move"; "folder" for a folder that is created; "time" for the
            time of a folder that files are moved out of.
        target: Path below the folder of the manifest, with / between its parts.
        source: Absolute path of the file, or of its zip file.
        member: Its name in the zip file; "" for a file of its own.
        label: The predicted class.
        probability: Of this class.
        uncertain: "yes" or "no".
        unfamiliar: "yes", "no" or "".
        mtime_ns: Time of the last change of the source, in ns since 1970.
        sha256: Of its content.
    """

    operation: str
    target: str
    source: str = ""
    member: str = ""
    label: str = ""
    probability: str = ""
    uncertain: str = ""
    unfamiliar: str = ""
    mtime_ns: int = 0
    sha256: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """What was sorted: (source, member)."""
        return self.source, self.member


COLUMNS = tuple(field.name for field in dataclasses.fields(Entry))
TEXT_COLUMNS = ("target", "source", "member", "label")


@dataclass(frozen=True)
class Manifest:
    """The content of a manifest.

    Attributes:
        settings: Of the command that wrote it.
        entries: Its rows in order.
    """

    settings: Mapping[str, Any]
    entries: tuple[Entry, ...]


def read_manifest(file: Path) -> Manifest:
    """Reads a manifest; half a line at its end is ignored.

    Raises:
        UserError: It is none, is damaged, or is of another version.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror})") from error
    try:
        text = data[: data.rfind(b"\n") + 1].decode("utf-8")
        header, *rows = csv.reader(io.StringIO(text, newline=""), strict=True)
        if tuple(header) != COLUMNS or not rows or rows[0][0] != SETTINGS:
            raise ValueError("its first lines are not those of a manifest")
        settings = json.loads(rows[0][COLUMNS.index("label")])
        entries = tuple(_read_entry(row) for row in rows[1:])
    except (ValueError, csv.Error) as error:
        raise UserError(f"{file}: is no manifest of gv-jax predict ({error})") from error
    if settings.get("version") != VERSION:
        raise UserError(
            f"{file}: is of version {settings.get('version')}, and this version of gv_jax reads "
            f"{VERSION}"
        )
    return Manifest(settings, entries)


class Journal:
    """A manifest that is written to."""

    def __init__(self, file: Path, settings: Mapping[str, Any]) -> None:
        """Opens a manifest, or starts one; removes half a line at its end."""
        self.file = file
        if file.exists():
            _truncate_last_line(file)
        else:
            text = json.dumps({"version": VERSION, **settings}, sort_keys=True)
            row = dict.fromkeys(COLUMNS, "") | {"operation": SETTINGS, "label": text}
            start = file.with_name(START)
            try:
                start.write_bytes(_encode([list(COLUMNS), list(row.values())]))
                os.replace(start, file)  # so that every manifest has settings
            finally:
                start.unlink(missing_ok=True)
        self._descriptor = os.open(file, os.O_WRONLY | os.O_APPEND)

    def append(self, entries: Iterable[Entry]) -> None:
        """Writes rows to the disk; returns once a power failure cannot lose them."""
        self._write([_write_entry(entry) for entry in entries])

    def close(self) -> None:
        os.close(self._descriptor)

    def _write(self, rows: list[list[str]]) -> None:
        data = memoryview(_encode(rows))
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
            os.fsync(self._descriptor)
        except OSError as error:
            error.filename = str(self.file)
            raise


def _encode(rows: list[list[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def _truncate_last_line(file: Path) -> None:
    with file.open("r+b") as content:
        data = content.read()
        content.truncate(data.rfind(b"\n") + 1)


def _write_entry(entry: Entry) -> list[str]:
    cells = {name: str(value) for name, value in dataclasses.asdict(entry).items()}
    return list((cells | {name: escape_cell(cells[name]) for name in TEXT_COLUMNS}).values())


def _read_entry(row: list[str]) -> Entry:
    cells: dict[str, Any] = dict(zip(COLUMNS, row, strict=True))
    cells |= {name: unescape_path(cells[name]) for name in TEXT_COLUMNS}
    target = PurePosixPath(cells["target"])
    if target.is_absolute() or ".." in target.parts or os.path.isabs(cells["target"]):
        raise ValueError(f"the target {cells['target']} leads out of the folder")
    if cells["operation"] not in (*OPERATIONS, FOLDER, TIME):
        raise ValueError(f"an operation {cells['operation']!r} is unknown")
    cells["mtime_ns"] = int(cells["mtime_ns"])
    return Entry(**cells)
