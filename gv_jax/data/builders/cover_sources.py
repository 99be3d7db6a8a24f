"""Which covers lie in a folder and of what genres they are: from a CSV file, or from a folder for each genre."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from gv_jax.data.builders import csv_rows, folder_listing
from gv_jax.errors import UserError, unknown

COLUMNS = {  # names of columns, capitals aside; the first that there is
    "picture": ("file", "filename", "file_name", "image", "image_path", "path", "cover", "picture"),
    "genre": ("genres", "genre", "labels", "label", "categories", "category"),
    "title": ("title", "name", "game"),
}
BETWEEN = re.compile(r"[|;,]")  # genres of one cover
SPLITS = {"train", "valid", "val", "validation", "test"}


@dataclass(frozen=True)
class Cover:
    """`name`: path in the folder, with / between its parts. genres: at least one, in the order of the classes.

    title: what its title is read from. place: where a person finds it, a file or a line.
    """

    name: str
    path: Path
    genres: tuple[str, ...]
    title: str
    place: str


@dataclass(frozen=True)
class CoverIndex:
    """All covers of a folder. classes: genres in the order of their priority; faults: (where, what) of what is of no
    use; without: covers of none of the genres that were asked for."""

    covers: tuple[Cover, ...]
    classes: tuple[str, ...]
    faults: tuple[tuple[str, str], ...]
    without: int


def read_covers(folder: Path, wanted: Sequence[str]) -> CoverIndex:
    """What is in `folder`. wanted: genres to take, in the order of their priority; all, by the alphabet, for ().

    Raises:
        UserError: no such folder, two CSV files, a column is missing, fewer than two genres, or one that is not there.
    """
    if not folder.is_dir():
        why = "is no folder" if folder.exists() else "no such folder"
        raise UserError(
            f"{folder}: {why}. Give the folder of the covers as --config.data.path=DIR."
        )
    tables = sorted(file for file in folder.iterdir() if file.suffix.lower() == ".csv")
    if len(tables) > 1:
        names = ", ".join(file.name for file in tables)
        raise UserError(
            f"{folder}: holds {len(tables)} CSV files ({names}); keep the one with the genres there."
        )
    found, faults = covers_from_csv(folder, tables[0]) if tables else covers_from_folders(folder)
    spelled: dict[str, str] = {}
    for cover in found:
        for genre in cover.genres:
            spelled.setdefault(genre.casefold(), genre)
    classes = select_covers(spelled, wanted)
    if len(classes) < 2:
        raise UserError(
            f"{folder}: holds covers of {len(classes)} genres ({csv_rows.quote_names(classes)}); two or more are needed: a "
            "folder for each genre, or a CSV file with the columns file and genres."
        )
    covers = []
    for cover in found:
        own = {spelled[genre.casefold()] for genre in cover.genres}
        covers.append(replace(cover, genres=tuple(genre for genre in classes if genre in own)))
    kept = tuple(cover for cover in covers if cover.genres)
    return CoverIndex(kept, classes, tuple(faults), len(covers) - len(kept))


def select_covers(spelled: Mapping[str, str], wanted: Sequence[str]) -> tuple[str, ...]:
    """Those `wanted` of the genres that there are, or all of them; `spelled`: without capitals -> as first written."""
    for genre in wanted:
        if genre.casefold() not in spelled:
            raise unknown("genre (--config.data.game_covers.genres)", genre, spelled.values())
    return tuple(dict.fromkeys(spelled[genre.casefold()] for genre in wanted or sorted(spelled)))


def covers_from_folders(folder: Path) -> tuple[list[Cover], list[tuple[str, str]]]:
    """Covers of folder/<genre>/*, at any depth, and what is of no use."""
    listed = folder_listing.scan(folder)
    tops = {name for name in listed.folders if "/" not in name}
    if tops and {name.lower() for name in tops} <= SPLITS:
        raise UserError(
            f"{folder}: is divided already, into {', '.join(sorted(tops))}. game_covers divides by title itself and "
            "wants a folder for each genre; --config.data.name=image_folder takes the splits as they are."
        )
    faults = [(str(path), why) for path, why in listed.problems]
    covers = []
    for file in listed.files:
        genre, _, rest = file.name.partition("/")
        if rest:
            covers.append(
                Cover(file.name, file.path, (genre,), PurePosixPath(file.name).name, str(file.path))
            )
        else:
            faults.append((str(file.path), "is a cover outside of the folders of the genres"))
    return covers, faults


def covers_from_csv(folder: Path, file: Path) -> tuple[list[Cover], list[tuple[str, str]]]:
    """Covers that a CSV file lists, and the lines of no use. Lines of one cover are put together."""
    rows = csv_rows.read_csv(file, ())
    columns = {
        kind: find_column(rows[0].values if rows else {}, names) for kind, names in COLUMNS.items()
    }
    for kind in ("picture", "genre"):
        if not columns[kind]:
            there = (
                csv_rows.quote_names(list(rows[0].values))
                if rows
                else "none, or no line below them"
            )
            raise UserError(
                f"{file}: has no column of the {kind}s; call it {' or '.join(map(repr, COLUMNS[kind]))}. Its columns "
                f"are {there}."
            )
    covers: dict[str, Cover] = {}
    faults = []
    for row in rows:
        place = f"{file}, line {row.line}"
        name = PurePosixPath(row.values[columns["picture"]].replace("\\", "/"))
        genres = split_genres(row.values[columns["genre"]])
        title = row.values[columns["title"]] if columns["title"] else ""
        if not name.parts or name.is_absolute() or ".." in name.parts:
            faults.append((place, f"{str(name)!r} is no path inside the folder"))
        elif not (folder / name).is_file():
            faults.append((place, f"{name} is not there"))
        elif not genres:
            faults.append((place, f"{name} has no genre"))
        else:
            before = covers.get(str(name))
            known = before.genres if before else ()
            covers[str(name)] = Cover(
                str(name), folder / name, (*known, *genres), title or name.name, place
            )
    return list(covers.values()), faults


def find_column(values: Iterable[str], names: Sequence[str]) -> str:
    """The first of the columns `values` that is called one of `names`; "" for none."""
    there = {value.casefold(): value for value in values}
    return next((there[name] for name in names if name in there), "")


def split_genres(text: str) -> tuple[str, ...]:
    """Genres with | ; or , between them, also as Python writes a list."""
    parts = (" ".join(part.strip(" []'\"").split()) for part in BETWEEN.split(text))
    return tuple(part for part in parts if part)
