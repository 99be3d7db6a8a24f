"""Photos of LEGO minifigures, Kaggle's ihelon/lego-minifigures-classification.

Supplied by the user.
"""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import tensorflow_datasets as tfds
from tqdm import tqdm

from gv_jax.data.builders import csv_rows, folder_listing
from gv_jax.data.builders.base import Example, ImageBuilder
from gv_jax.data.builders.content_hash import content_digest
from gv_jax.data.builders.csv_rows import CsvRow
from gv_jax.data.builders.file_list import escape_name
from gv_jax.errors import UserError

INDEX_FILE, METADATA_FILE, TEST_FILE = "index.csv", "metadata.csv", "test.csv"
SPLIT_COLUMN = "train-valid"  # column of INDEX_FILE


@dataclass(frozen=True)
class PhotoRow:
    """An image listed in a CSV file.

    Attributes:
        origin: CSV file and line, for messages.
        path: relative path of the image.
        figure: its class_id.
        split: "train", "valid" or "test".
    """

    origin: str
    path: str
    figure: int
    split: str


class LegoMinifigures(ImageBuilder, skip_registration=True):
    """index.csv (path, class_id, train-valid), metadata.csv (class_id, minifigure_name), test.csv.

    Read from the folder `path` (or root/lego_minifigures); paths in the files are relative to it. A
    class is a class_id of the training images, in ascending order. Its name is the minifigure_name,
    followed by the class_id if two figures have the same name: "SPIDER-MAN (17)". Its super-class
    is the universe, the first folder of its images. The splits are those listed, with a test split
    if there is a test.csv (path, class_id). Split fractions and seed have no effect. Files that are
    not listed are left out and counted.

    Args:
        root, path: as in ImageBuilder.
        options: the other arguments of ImageBuilder.

    Raises:
        UserError: no such folder or file, a missing column, or fewer than two classes.
    """

    name = "lego_minifigures"
    VERSION = tfds.core.Version("1.0.0")

    def __init__(self, *, root: Path, path: str, **options):
        self.folder = Path(path or Path(root) / self.name).expanduser()
        if not self.folder.is_dir():
            raise UserError(
                f"{self.folder}: no such folder. Put {INDEX_FILE}, {METADATA_FILE} and the images "
                "of Kaggle's ihelon/lego-minifigures-classification there, or give their folder as "
                "--config.data.path=DIR."
            )
        folder_listing.check_root_outside(root, self.folder)
        self.row_errors: list[tuple[str, str]] = []  # (origin, reason) of unusable lines
        names = self._read_names()
        self.rows = list(self._read_rows(INDEX_FILE, names))
        if (self.folder / TEST_FILE).exists():
            self.rows += self._read_rows(TEST_FILE, names)
        self.figures = sorted({row.figure for row in self.rows if row.split == "train"})
        if len(self.figures) < 2:
            first_error = "".join(f" First error: {': '.join(e)}." for e in self.row_errors[:1])
            raise UserError(
                f"{self.folder / INDEX_FILE}: lists training images of {len(self.figures)} "
                f"figures, but at least two are required.{first_error}"
            )
        self.classes = unique_names({figure: names[figure] for figure in self.figures})
        self.groups = self._find_universes()
        tables = [
            name for name in (INDEX_FILE, METADATA_FILE, TEST_FILE) if (self.folder / name).exists()
        ]
        file_names = dict.fromkeys([*tables, *(row.path for row in self.rows)])
        files = [(name, self.folder / name) for name in file_names]
        self.notes = tuple(self._describe_unlisted(set(file_names)))
        super().__init__(
            root=root,
            path=path,
            fingerprint_fields={
                "folder": os.path.realpath(self.folder),
                "files": content_digest(files, root),
            },
            **options,
        )

    def _describe_unlisted(self, names: Set[str]) -> list[str]:
        """A line on the files of the folder that are not among `names`."""
        listing = folder_listing.scan(self.folder, suffixes=("",))  # all files
        read = {escape_name(name) for name in names}
        others = (file.name for file in listing.files if file.name not in read)
        return folder_listing.describe_left_out(self.folder, folder_listing.count_suffixes(others))

    def _read_names(self) -> dict[int, str]:
        """class_id -> minifigure_name from metadata.csv."""
        file = self.folder / METADATA_FILE
        names: dict[int, str] = {}
        for row in csv_rows.read_csv(file, ("class_id", "minifigure_name")):
            origin, figure = f"{file}, line {row.line}", parse_integer(row.values["class_id"])
            name = " ".join(row.values["minifigure_name"].split())
            if figure is None or not name:
                raise UserError(f"{origin}: requires an integer class_id and a minifigure_name.")
            if names.setdefault(figure, name) != name:
                raise UserError(
                    f"{origin}: class_id {figure} has two names, {names[figure]!r} and {name!r}."
                )
        return names

    def _read_rows(self, file_name: str, names: Mapping[int, str]) -> Iterator[PhotoRow]:
        """The images in a CSV file; unusable lines are added to `row_errors`."""
        has_split = file_name == INDEX_FILE
        file = self.folder / file_name
        columns = ("path", "class_id", *([SPLIT_COLUMN] if has_split else []))
        for row in csv_rows.read_csv(file, columns):
            origin = f"{file}, line {row.line}"
            reason = row_error(row, names, has_split)
            if reason:
                self.row_errors.append((origin, reason))
                continue
            path = PurePosixPath(row.values["path"].replace("\\", "/")).as_posix()
            split = row.values[SPLIT_COLUMN] if has_split else "test"
            yield PhotoRow(origin, path, int(row.values["class_id"]), split)

    def _find_universes(self) -> dict[str, str]:
        """Class -> the first folder of most of its images; {} if images are in no folder."""
        universes = {}
        for figure, name in zip(self.figures, self.classes, strict=True):
            paths = [
                PurePosixPath(row.path).parts
                for row in self.rows
                if (row.figure, row.split) == (figure, "train")
            ]
            if min(map(len, paths)) < 2:
                return {}
            universes[name] = Counter(parts[0] for parts in paths).most_common(1)[0][0]
        return universes

    def generate(self) -> Mapping[str, Sequence[Example]]:
        for origin, reason in self.row_errors:
            self.skip_or_raise(origin, reason)
        splits: dict[str, list[Example]] = {}
        first_origins: dict[str, str] = {}
        for row in tqdm(self.rows, f"{self.name}: check", unit=" images", delay=1):
            if row.figure not in self.figures:
                self.skip_or_raise(row.origin, f"class_id {row.figure} has no training image")
            elif row.path in first_origins:
                first = first_origins[row.path]
                self.skip_or_raise(row.origin, f"{row.path} is listed twice, first in {first}")
            elif self._is_usable(row):
                label = self.figures.index(row.figure)
                example = Example(row.path, label, self.folder / row.path)
                splits.setdefault(row.split, []).append(example)
            first_origins.setdefault(row.path, row.origin)
        for split, examples in splits.items():
            self.check_classes(split, examples, str(self.folder))
        return {split: splits[split] for split in ("train", "valid", "test") if split in splits}

    def _is_usable(self, row: PhotoRow) -> bool:
        """Whether the image exists and can be decoded; otherwise skips it or raises."""
        path = self.folder / row.path
        if not path.is_file():
            self.skip_or_raise(row.origin, f"{row.path} does not exist")
            return False
        return self.open_image(path) is not None


def row_error(row: CsvRow, names: Mapping[int, str], has_split: bool) -> str:
    """Why a line is unusable; "" for a usable one.

    Args:
        row: line of INDEX_FILE or TEST_FILE.
        names: class_id -> minifigure_name.
        has_split: whether the file has SPLIT_COLUMN.
    """
    figure = parse_integer(row.values["class_id"])
    path = PurePosixPath(row.values["path"].replace("\\", "/"))
    if figure is None:
        return f"class_id {row.values['class_id']!r} is no integer"
    if figure not in names:
        return f"class_id {figure} is not in {METADATA_FILE}"
    if not row.values["path"] or path.is_absolute() or ".." in path.parts:
        return f"path {row.values['path']!r} is not inside the folder"
    if has_split and row.values[SPLIT_COLUMN] not in ("train", "valid"):
        return f"{SPLIT_COLUMN} is {row.values[SPLIT_COLUMN]!r}, but must be train or valid"
    return ""


def parse_integer(text: str) -> int | None:
    """The decimal integer in `text`; None if there is none."""
    return int(text) if text.lstrip("-").isascii() and text.lstrip("-").isdigit() else None


def unique_names(names: Mapping[int, str]) -> tuple[str, ...]:
    """The names in their order; names that occur twice are followed by their class_id."""
    counts = Counter(names.values())
    return tuple(
        f"{name} ({figure})" if counts[name] > 1 else name for figure, name in names.items()
    )
