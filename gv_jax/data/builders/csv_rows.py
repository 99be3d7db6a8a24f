"""Rows of a CSV file by column name; errors state the file and the line."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gv_jax.errors import UserError


@dataclass(frozen=True)
class CsvRow:
    """line: its last line in the file, from 1. values: column -> stripped text, "" if missing."""

    line: int
    values: dict[str, str]


def read_csv(file: Path, required: Iterable[str]) -> list[CsvRow]:
    """The rows of `file`, whose first line names the columns; empty lines are ignored.

    Raises:
        UserError: no such file, not UTF-8, no valid CSV, or a column of `required` is missing.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise UserError(f"{file}: no such file.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file}: cannot be read as UTF-8 text ({error}).") from error
    try:
        lines = csv.reader(io.StringIO(text, newline=""), strict=True)
        header = [name.strip() for name in next(lines, [])]
        missing = [name for name in required if name not in header]
        if missing:
            raise UserError(
                f"{file}: has no column {missing[0]!r}; its columns are {quote_names(header)}."
            )
        return [
            CsvRow(
                lines.line_num,
                dict.fromkeys(header, "") | dict(zip(header, map(str.strip, fields), strict=False)),
            )
            for fields in lines
            if any(map(str.strip, fields))
        ]
    except csv.Error as error:
        raise UserError(f"{file}, line {lines.line_num}: is no valid CSV row ({error}).") from error


def quote_names(names: Sequence[str]) -> str:
    """Non-empty names in quotes, separated by commas; "none" if there are none."""
    return ", ".join(repr(name) for name in names if name) or "none"
