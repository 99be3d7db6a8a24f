"""Photos of LEGO minifigures, Kaggle's ihelon/lego-minifigures-classification; everybody brings a copy."""

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import tensorflow_datasets as tfds
from tqdm import tqdm

from gv_jax.data import decode
from gv_jax.data.builders import csv_rows
from gv_jax.data.builders.base import Example, ImageBuilder
from gv_jax.data.builders.csv_rows import CsvRow
from gv_jax.errors import UserError

INDEX, METADATA, TEST = "index.csv", "metadata.csv", "test.csv"
SPLIT_COLUMN = "train-valid"  # the column of INDEX that says which


@dataclass(frozen=True)
class PhotoRow:
    """A picture as a CSV file lists it: `place` says in which file and line, `figure` is its class_id."""

    place: str
    path: str
    figure: int
    split: str


class LegoMinifigures(ImageBuilder, skip_registration=True):
    """index.csv (path, class_id, train-valid), metadata.csv (class_id, minifigure_name), test.csv (path, class_id).

    Taken from the folder `path` (or root/lego_minifigures), to which the paths in the files are relative. A class is
    a class_id of index.csv, in ascending order; two figures may bear one name, and then their class_id stands behind
    it: "SPIDER-MAN (17)". The group of a figure is its universe, the first folder of its pictures. The splits are those
    listed; there is a test split if there is a test.csv. The shares and the seed of a split change nothing.
    """

    name = "lego_minifigures"
    VERSION = tfds.core.Version("1.0.0")

    def __init__(self, *, root: Path, path: str, **options):
        self.folder = Path(path or Path(root) / self.name).expanduser()
        if not self.folder.is_dir():
            raise UserError(
                f"{self.folder}: no such folder. Put {INDEX}, {METADATA} and the pictures of Kaggle's "
                "ihelon/lego-minifigures-classification there, or say where they are: --config.data.path=DIR."
            )
        self.faults: list[tuple[str, str]] = []  # (where, what) of lines that cannot be used
        names = self._names()
        self.listed = list(self._listed(INDEX, names))
        if (self.folder / TEST).exists():
            self.listed += self._listed(TEST, names)
        self.figures = sorted({one.figure for one in self.listed if one.split == "train"})
        if len(self.figures) < 2:
            why = "; ".join(": ".join(fault) for fault in self.faults[:1])
            raise UserError(
                f"{self.folder / INDEX}: lists {len(self.figures)} figures to train on; two or more are needed."
                + (f" First fault: {why}" if why else "")
            )
        self.classes = unique_names({figure: names[figure] for figure in self.figures})
        self.groups = self._universes()
        super().__init__(
            root=root,
            path=path,
            shaped_by={
                "folder": os.path.realpath(self.folder),
                "files": hashlib.sha256(
                    "\n".join(self._state()).encode("utf-8", "backslashreplace")
                ).hexdigest(),
            },
            **options,
        )

    def _names(self) -> dict[int, str]:
        """class_id -> minifigure_name, as metadata.csv has them."""
        names: dict[int, str] = {}
        for row in csv_rows.read_csv(self.folder / METADATA, ("class_id", "minifigure_name")):
            place, figure = (
                f"{self.folder / METADATA}, line {row.line}",
                parse_number(row.values["class_id"]),
            )
            name = " ".join(row.values["minifigure_name"].split())
            if figure is None or not name:
                raise UserError(f"{place}: needs a whole number as class_id and a minifigure_name.")
            if names.setdefault(figure, name) != name:
                raise UserError(
                    f"{place}: class_id {figure} is called {names[figure]!r} before and {name!r} here."
                )
        return names

    def _listed(self, file: str, names: Mapping[int, str]) -> Iterator[PhotoRow]:
        """The pictures that a CSV file lists, without those lines that cannot be used: they become faults."""
        of_index = file == INDEX
        for row in csv_rows.read_csv(
            self.folder / file, ("path", "class_id", *([SPLIT_COLUMN] if of_index else []))
        ):
            place = f"{self.folder / file}, line {row.line}"
            why = row_error(row, names, of_index)
            if why:
                self.faults.append((place, why))
            else:
                values = row.values
                path = PurePosixPath(values["path"].replace("\\", "/")).as_posix()
                yield PhotoRow(
                    place,
                    path,
                    int(values["class_id"]),
                    values[SPLIT_COLUMN] if of_index else "test",
                )

    def _universes(self) -> dict[str, str]:
        """Class -> the first folder of most of its pictures; {} where pictures lie in no folder."""
        groups = {}
        for figure, name in zip(self.figures, self.classes, strict=True):
            tops = [
                PurePosixPath(one.path).parts
                for one in self.listed
                if (one.figure, one.split) == (figure, "train")
            ]
            if min(map(len, tops)) < 2:
                return {}
            groups[name] = Counter(parts[0] for parts in tops).most_common(1)[0][0]
        return groups

    def _state(self) -> Iterator[str]:
        """All that the prepared set depends on: the tables, and size and time of every picture."""
        for file in (INDEX, METADATA, TEST):
            yield (
                (self.folder / file).read_text("utf-8-sig")
                if (self.folder / file).exists()
                else "-"
            )
        for one in self.listed:
            try:
                status = (self.folder / one.path).stat()
                yield f"{one.path}\0{status.st_size}\0{status.st_mtime_ns}"
            except OSError:
                yield f"{one.path}\0-"

    def pictures(self) -> Mapping[str, Sequence[Example]]:
        for place, why in self.faults:
            self.broken(place, why)
        found: dict[str, list[Example]] = {}
        met: dict[str, str] = {}
        for one in tqdm(self.listed, f"{self.name}: check", unit=" pictures", delay=1):
            if one.figure not in self.figures:
                self.broken(one.place, f"class_id {one.figure} has no picture to train on")
            elif one.path in met:
                self.broken(one.place, f"{one.path} is listed twice, before in {met[one.path]}")
            elif self._usable(one):
                label = self.figures.index(one.figure)
                found.setdefault(one.split, []).append(
                    Example(one.path, label, self.folder / one.path)
                )
            met.setdefault(one.path, one.place)
        for split, pictures in found.items():
            for label in sorted(
                set(range(len(self.classes))) - {picture.label for picture in pictures}
            ):
                what = f"{self.folder}: figure {self.classes[label]!r}"
                if split == "train":
                    raise UserError(f"{what}: no picture is left to train on.")
                self.broken(what, f"has no picture in the split {split!r}")
        return {split: found[split] for split in ("train", "valid", "test") if split in found}

    def _usable(self, one: PhotoRow) -> bool:
        """Whether the picture is there and can be decoded; what is wrong otherwise is noted."""
        path = self.folder / one.path
        if not path.is_file():
            self.broken(one.place, f"{one.path} is not there")
            return False
        try:
            decode.open_image(path)
        except decode.CorruptImageError as error:
            self.broken(path, str(error))
            return False
        return True


def row_error(row: CsvRow, names: Mapping[int, str], of_index: bool) -> str:
    """What keeps a line from being used; "" for nothing."""
    figure, path = (
        parse_number(row.values["class_id"]),
        PurePosixPath(row.values["path"].replace("\\", "/")),
    )
    if figure is None:
        return f"class_id {row.values['class_id']!r} is no whole number"
    if figure not in names:
        return f"class_id {figure} is not in {METADATA}"
    if not row.values["path"] or path.is_absolute() or ".." in path.parts:
        return f"path {row.values['path']!r} is not one inside the folder"
    if of_index and row.values[SPLIT_COLUMN] not in ("train", "valid"):
        return f"{SPLIT_COLUMN} is {row.values[SPLIT_COLUMN]!r}: it must be train or valid"
    return ""


def parse_number(text: str) -> int | None:
    """The whole number that `text` is; None if it is none."""
    return int(text) if text.lstrip("-").isascii() and text.lstrip("-").isdigit() else None


def unique_names(names: Mapping[int, str]) -> tuple[str, ...]:
    """The names in their order; behind one that several bear, the number of each."""
    often = Counter(names.values())
    return tuple(
        f"{name} ({figure})" if often[name] > 1 else name for figure, name in names.items()
    )
