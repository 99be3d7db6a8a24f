"""Covers and their genres, from a CSV file or from one folder per genre."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from gv_jax.data.builders import csv_rows, folder_listing
from gv_jax.data.builders.folder_layout import find_split_folders
from gv_jax.data.builders.folder_listing import FolderListing
from gv_jax.data.natural_order import natural_key
from gv_jax.errors import UserError, unknown

COLUMNS = {  # accepted column names, case-insensitive; the first one present is used
    "file": ("file", "filename", "file_name", "image", "image_path", "path", "cover", "picture"),
    "genre": ("genres", "genre", "labels", "label", "categories", "category"),
    "title": ("title", "name", "game"),
}
GENRE_SEPARATOR = re.compile(r"[|;,]")


@dataclass(frozen=True)
class Cover:
    """One cover.

    Attributes:
        name: path in the folder, with / between its parts.
        path: full path.
        genres: its genres in the order of the classes; at least one.
        title: text that contains the title of the game.
        origin: file, or CSV file and line, for messages.
    """

    name: str
    path: Path
    genres: tuple[str, ...]
    title: str
    origin: str


@dataclass(frozen=True)
class CoverIndex:
    """All covers of a folder.

    Attributes:
        covers: the covers with at least one selected genre.
        classes: selected genres in order of priority.
        errors: (origin, reason) of everything unusable.
        num_unmatched: number of covers without a selected genre.
        notes: lines on files that are not read.
    """

    covers: tuple[Cover, ...]
    classes: tuple[str, ...]
    errors: tuple[tuple[str, str], ...]
    num_unmatched: int
    notes: tuple[str, ...] = ()


def read_covers(folder: Path, selected: Sequence[str]) -> CoverIndex:
    """The covers in `folder`.

    Args:
        folder: folder with one folder per genre, or with a CSV file.
        selected: genres in order of priority; () for all in alphabetical order.

    Raises:
        UserError: no such folder, several CSV files, a missing column, an unknown genre, or fewer
            than two genres.
    """
    if not folder.is_dir():
        problem = "is not a folder" if folder.exists() else "no such folder"
        raise UserError(
            f"{folder}: {problem}. Give the folder of the covers as --config.data.path=DIR."
        )
    tables = sorted(file for file in folder.iterdir() if file.suffix.lower() == ".csv")
    if len(tables) > 1:
        names = ", ".join(file.name for file in tables)
        raise UserError(
            f"{folder}: contains {len(tables)} CSV files ({names}). Keep only the one with the "
            "genres."
        )
    if tables:
        all_covers, errors = covers_from_csv(folder, tables[0])
        notes: list[str] = []  # the file names the covers
    else:
        listing = folder_listing.scan(folder)
        all_covers, errors = covers_from_folders(folder, listing)
        notes = folder_listing.describe_left_out(folder, listing.left_out)
    spellings: dict[str, str] = {}
    for cover in all_covers:
        for genre in cover.genres:
            spellings.setdefault(genre.casefold(), genre)
    classes = select_genres(spellings, selected)
    if len(classes) < 2:
        raise UserError(
            f"{folder}: contains covers of {len(classes)} genres "
            f"({csv_rows.quote_names(classes)}), but at least two are required. Make one folder "
            "per genre, or a CSV file with the columns file and genres."
        )
    covers = []
    for cover in all_covers:
        genres = {spellings[genre.casefold()] for genre in cover.genres}
        covers.append(replace(cover, genres=tuple(genre for genre in classes if genre in genres)))
    matched = tuple(cover for cover in covers if cover.genres)
    return CoverIndex(matched, classes, tuple(errors), len(covers) - len(matched), tuple(notes))


def select_genres(spellings: Mapping[str, str], selected: Sequence[str]) -> tuple[str, ...]:
    """The `selected` genres, or all in alphabetical order for (), with the spelling to use.

    Args:
        spellings: casefolded genre -> its spelling.
        selected: genres in any case.

    Raises:
        UserError: a selected genre does not exist.
    """
    for genre in selected:
        if genre.casefold() not in spellings:
            raise unknown("genre (--config.data.game_covers.genres)", genre, spellings.values())
    genres = [genre.casefold() for genre in selected] or sorted(spellings, key=natural_key)
    return tuple(dict.fromkeys(spellings[genre] for genre in genres))


def covers_from_folders(
    folder: Path, listing: FolderListing
) -> tuple[list[Cover], list[tuple[str, str]]]:
    """(covers of folder/<genre>/* at any depth, (origin, reason) of everything unusable)."""
    tops = [name for name in listing.folders if "/" not in name]
    if tops and len(find_split_folders(tops)) == len(tops):
        raise UserError(
            f"{folder}: has split folders ({', '.join(tops)}). game_covers splits by title "
            "itself and requires one folder per genre; --config.data.name=image_folder uses the "
            "splits as they are."
        )
    errors = [(str(path), reason) for path, reason in listing.problems]
    covers = []
    for file in listing.files:
        genre, _, rest = file.name.partition("/")
        if rest:
            title = PurePosixPath(file.name).name
            covers.append(Cover(file.name, file.path, (genre,), title, str(file.path)))
        else:
            errors.append((str(file.path), "is a cover outside of the genre folders"))
    return covers, errors


def covers_from_csv(folder: Path, file: Path) -> tuple[list[Cover], list[tuple[str, str]]]:
    """(covers in a CSV file, (origin, reason) of unusable lines); lines of one cover are merged."""
    rows = csv_rows.read_csv(file, ())
    header = list(rows[0].values) if rows else []
    columns = {kind: find_column(header, names) for kind, names in COLUMNS.items()}
    for kind in ("file", "genre"):
        if not columns[kind]:
            present = csv_rows.quote_names(header) if rows else "none, or it has no rows"
            raise UserError(
                f"{file}: has no {kind} column; name it {' or '.join(map(repr, COLUMNS[kind]))}. "
                f"Its columns are {present}."
            )
    covers: dict[str, Cover] = {}
    errors = []
    for row in rows:
        origin = f"{file}, line {row.line}"
        name = PurePosixPath(row.values[columns["file"]].replace("\\", "/"))
        genres = split_genres(row.values[columns["genre"]])
        title = row.values[columns["title"]] if columns["title"] else ""
        if not name.parts or name.is_absolute() or ".." in name.parts:
            errors.append((origin, f"{str(name)!r} is no path inside the folder"))
        elif not (folder / name).is_file():
            errors.append((origin, f"{name} does not exist"))
        elif not genres:
            errors.append((origin, f"{name} has no genre"))
        else:
            previous = covers.get(str(name))
            merged = (*(previous.genres if previous else ()), *genres)
            covers[str(name)] = Cover(str(name), folder / name, merged, title or name.name, origin)
    return list(covers.values()), errors


def find_column(header: Iterable[str], names: Sequence[str]) -> str:
    """The column that has the first of `names` in any case; "" if there is none."""
    columns = {column.casefold(): column for column in header}
    return next((columns[name] for name in names if name in columns), "")


def split_genres(text: str) -> tuple[str, ...]:
    """Genres separated by |, ; or comma; a printed Python list is accepted."""
    genres = (" ".join(part.strip(" []'\"").split()) for part in GENRE_SEPARATOR.split(text))
    return tuple(genre for genre in genres if genre)
