"""Rows of a CSV file by column name; errors state the file and the line."""

import codecs
import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gv_jax.errors import UserError

SEPARATORS = (",", ";", "\t", "|")
SEPARATOR_LINE = re.compile(r'"?sep=(.)"?', re.IGNORECASE)
CP1252_UNDEFINED = (0x81, 0x8D, 0x8F, 0x90, 0x9D)


@dataclass(frozen=True)
class CsvRow:
    """line: its last line in the file, from 1. values: column -> stripped text, "" if missing."""

    line: int
    values: dict[str, str]


def read_csv(file: Path, required: Iterable[str]) -> list[CsvRow]:
    """The rows of `file`, whose first line names the columns; empty lines are ignored.

    The text is UTF-8 or UTF-16, with or without a byte order mark, or else Windows-1252, as
    spreadsheets write it. Columns are separated by the one of SEPARATORS that the first line has
    most of. A line "sep=;" before it, which Excel writes, is ignored.

    Raises:
        UserError: no such file, no valid CSV, or a column of `required` is missing.
    """
    try:
        data = file.read_bytes()
    except FileNotFoundError as error:
        raise UserError(f"{file}: no such file.") from error
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror}).") from error
    text = decode_text(data)
    if "\0" in text:
        raise UserError(f"{file}: is no text, as it contains the character 0.")
    number = 0
    try:
        first = next((line for line in text.splitlines() if line.strip()), "")
        stated = SEPARATOR_LINE.fullmatch(first.strip())
        separator = stated[1] if stated else find_separator(first)
        lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        rows = []
        for fields in lines:
            number = lines.line_num
            values = [value.strip() for value in fields]
            if any(values):
                rows.append((number, values))
        if stated:
            del rows[0]
    except csv.Error as error:
        raise UserError(f"{file}, line {number + 1}: is no valid CSV row ({error}).") from error
    header = rows[0][1] if rows else []
    missing = [name for name in required if name not in header]
    if missing:
        raise UserError(
            f"{file}: has no column {missing[0]!r}; its columns are {quote_names(header)}."
        )
    return [
        CsvRow(line, dict.fromkeys(header, "") | dict(zip(header, values, strict=False)))
        for line, values in rows[1:]
    ]


def decode_text(data: bytes) -> str:
    """Text in UTF-8 or UTF-16, else in Windows-1252, where each byte is a character."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    if len(data) > 1 and 0 in data[:2]:  # a first ASCII character without a byte order mark
        return data.decode("utf-16-be" if data[0] == 0 else "utf-16-le", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return "".join(map(decode_windows_byte, data)) if data else ""


def decode_windows_byte(byte: int) -> str:
    """The character of a byte in Windows-1252; in Latin-1 for the five that it does not define."""
    return bytes([byte]).decode("cp1252" if byte not in CP1252_UNDEFINED else "latin-1")


def find_separator(header: str) -> str:
    """The one of SEPARATORS with which a line has most columns; the first one in a tie.

    One that divides text in quotes, which leaves quotes inside of columns, comes last.
    """

    def rank(separator: str) -> tuple[bool, int]:
        columns = next(csv.reader([header], delimiter=separator), [])
        return not any('"' in column for column in columns), len(columns)

    return max(SEPARATORS, key=rank)


def quote_names(names: Sequence[str]) -> str:
    """Non-empty names in quotes, separated by commas; "none" if there are none."""
    return ", ".join(repr(name) for name in names if name) or "none"
