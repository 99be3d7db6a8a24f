"""Predictions for many files as CSV, or as a zip file sorted into class folders."""

import csv
import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from gv_jax.serving.uploads import clean_name, escape_formula

CSV_COLUMNS = ("file", "label", "probability", "prediction_set", "unfamiliar", "error")
UNREADABLE_FOLDER = "_unreadable"
ZIP_DATE = (1980, 1, 1, 0, 0, 0)  # the earliest of the format; the same files give the same zip


def write_csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """One line per file, UTF-8.

    Args:
        rows: Each as of `describe_prediction`, with "name", or with "name" and "error".
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(CSV_COLUMNS)
    for row in rows:
        cells = (
            row["name"],
            row.get("label", ""),
            row.get("probability", ""),
            " | ".join(row.get("prediction_set") or ()),
            "" if row.get("unfamiliar") is None else str(row["unfamiliar"]).lower(),
            row.get("error", ""),
        )
        writer.writerow([escape_formula(str(cell)) for cell in cells])
    return text.getvalue().encode()


def write_zip(rows: Sequence[Mapping[str, Any]], files: Sequence[bytes]) -> bytes:
    """The files in a folder per class, and predictions.csv.

    Names of entries consist of a class, and of the last part of a file's name in harmless
    characters; equal names are numbered.
    """
    buffer, used = io.BytesIO(), {"predictions.csv"}
    with zipfile.ZipFile(buffer, "w") as archive:
        for row, data in zip(rows, files, strict=True):
            folder = UNREADABLE_FOLDER if "error" in row else clean_name(row["label"], "_none")
            entry = number_name(folder, clean_name(row["name"]), used)
            archive.writestr(zipfile.ZipInfo(entry, ZIP_DATE), data)
        archive.writestr(zipfile.ZipInfo("predictions.csv", ZIP_DATE), write_csv(rows))
    return buffer.getvalue()


def number_name(folder: str, name: str, used: set[str]) -> str:
    """folder/name, or folder/name_2 and so on; adds it to `used`, which ignores case."""
    path, number = PurePosixPath(name), 2
    entry = f"{folder}/{name}"
    while entry.lower() in used:
        entry = f"{folder}/{path.stem}_{number}{path.suffix}"
        number += 1
    used.add(entry.lower())
    return entry
