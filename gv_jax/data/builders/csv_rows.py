"""CSV files that tell what is in a person's pictures: columns found by name, every fault with its line."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gv_jax.errors import UserError


@dataclass(frozen=True)
class CsvRow:
    """line: its last in the file, counted from 1. values: column -> text without spaces around it, "" for none."""

    line: int
    values: dict[str, str]


def read_csv(file: Path, needed: Iterable[str]) -> list[CsvRow]:
    """The rows of `file`, whose columns are those of its first line; empty lines are passed over.

    Raises:
        UserError: no such file, no text in UTF-8, a column of `needed` is missing.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise UserError(f"{file}: no such file.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file}: cannot be read as text in UTF-8 ({error}).") from error
    try:
        lines = csv.reader(io.StringIO(text, newline=""), strict=True)
        head = [name.strip() for name in next(lines, [])]
        missing = [name for name in needed if name not in head]
        if missing:
            raise UserError(
                f"{file}: has no column {missing[0]!r}; its columns are {quote_names(head)}."
            )
        return [
            CsvRow(
                lines.line_num,
                dict.fromkeys(head, "") | dict(zip(head, map(str.strip, fields), strict=False)),
            )
            for fields in lines
            if any(map(str.strip, fields))
        ]
    except csv.Error as error:
        raise UserError(
            f"{file}, line {lines.line_num}: is no row of a CSV file ({error})."
        ) from error


def quote_names(names: Sequence[str]) -> str:
    """Names for a sentence; those without letters are left out."""
    return ", ".join(repr(name) for name in names if name) or "none"
