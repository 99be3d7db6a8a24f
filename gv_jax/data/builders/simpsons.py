"""Stills of The Simpsons with boxes, Kaggle's alexattia/the-simpsons-characters-dataset; everybody brings a copy."""

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

import tensorflow_datasets as tfds
from tqdm import tqdm

from gv_jax.data import decode
from gv_jax.data.builders import folder_listing, simpsons_boxes
from gv_jax.data.builders.base import Example, ImageBuilder
from gv_jax.data.builders.folder_listing import FileEntry
from gv_jax.data.builders.simpsons_boxes import BoxAnnotation
from gv_jax.data.splits import stratified
from gv_jax.errors import UserError, unknown

CHARACTERS = (  # of the published project
    "apu_nahasapeemapetilon",
    "bart_simpson",
    "homer_simpson",
    "krusty_the_clown",
    "lisa_simpson",
    "marge_simpson",
)
PICTURES, TEST, BOXES = "simpsons_dataset", "kaggle_simpson_testset", "annotation.txt"
MAX_NAMED = 20  # pictures that a remark names before it only counts


class Simpsons(ImageBuilder, skip_registration=True):
    """simpsons_dataset/<character>/*.jpg, kaggle_simpson_testset/<character>_<n>.jpg, annotation.txt.

    Taken from the folder `path` (or root/simpsons). The test split is kaggle_simpson_testset, which has no
    boxes; valid is taken from simpsons_dataset, stratified and by seed. A box that is not usable is left
    out, its picture stays, and `remarks` says so. Each of the two folders may lie in another of its name, as
    in some copies.

    Args:
        characters: names of folders, each a class; () for those of CHARACTERS that are there.
    """

    name = "simpsons"
    VERSION = tfds.core.Version("1.0.0")

    def __init__(self, *, root: Path, path: str, characters: Sequence[str], **options):
        self.folder = Path(path or Path(root) / self.name).expanduser()
        self.train, self.test = unnest(self.folder / PICTURES), unnest(self.folder / TEST)
        self.classes = find_characters(self.train, characters)
        self.groups = {}
        self.members = {name: folder_listing.scan(self.train / name) for name in self.classes}
        self.tests = folder_listing.scan(self.test)
        files = [(name, file) for name, listed in self.members.items() for file in listed.files]
        files += [("", file) for file in self.tests.files]
        listed = hashlib.sha256()
        for name, file in files:
            listed.update(f"{name}\0{file.name}\0{file.size}\0{file.changed_ns}\n".encode())
        boxes = self.folder / BOXES
        super().__init__(
            root=root,
            path=path,
            shaped_by={
                "folder": os.path.realpath(self.folder),
                "files": listed.hexdigest(),
                "boxes": [boxes.stat().st_size, boxes.stat().st_mtime_ns]
                if boxes.is_file()
                else [],
                "characters": self.classes,
            },
            **options,
        )

    def pictures(self) -> Mapping[str, Iterable[Example]]:
        for folder in (self.train, self.test):
            if not folder.is_dir():
                raise UserError(
                    f"{folder}: no such folder. Put {PICTURES}, {TEST} and {BOXES} of Kaggle's "
                    f"alexattia/the-simpsons-characters-dataset into {self.folder}, or say where they are: "
                    "--config.data.path=DIR."
                )
        if len(self.classes) < 2:
            raise UserError(
                f"{self.train}: holds {len(self.classes)} of the characters {', '.join(CHARACTERS)}. Put two or "
                "more there, or name others: --config.data.simpsons.characters=\"('name', 'name')\"."
            )
        for place in (*self.members.values(), self.tests):
            for path, why in place.problems:
                self.broken(path, why)
        marks = self._marks()
        every = [picture for name in self.classes for picture in self._of(name, marks)]
        shares = stratified.split_fractions(self.valid_fraction, 0)
        parts = stratified.assign_single_label(
            [picture.label for picture in every],
            [picture.id for picture in every],
            shares,
            self.split_seed,
            self.classes,
        )
        divided = {split: [every[index] for index in indices] for split, indices in parts.items()}
        return divided | {"test": self._tests()}

    def _marks(self) -> dict[str, list[BoxAnnotation]]:
        """Boxes by picture, as annotation.txt has them; remarks on those that belong to none."""
        file = self.folder / BOXES
        if not file.is_file():
            self.remarks.append(f"{file}: is not there, so no picture has a box")
            return {}
        marks, unread = simpsons_boxes.read_boxes(file)
        self.remarks += [f"{file}, {line}" for line in unread]
        there = {
            f"{name}/{found.name}"
            for name, listed in self.members.items()
            for found in listed.files
        }
        absent = [
            key for key in marks if key not in there and key.partition("/")[0] in self.classes
        ]
        if absent:
            self.remarks.append(
                f"{file}: {len(absent):,} boxed pictures are not there: {shorten(absent)}"
            )
        return marks

    def _of(self, character: str, marks: Mapping[str, list[BoxAnnotation]]) -> Iterator[Example]:
        """The pictures of a character for training, with their boxes; remarks on those without."""
        label, bare = self.classes.index(character), []
        for file, height, width in self._usable(character, self.members[character].files):
            name = f"{character}/{file.name}"
            box, why = simpsons_boxes.select_box(marks.get(name, ()), character, height, width)
            self.remarks += [f"{name}: {line}" for line in why]
            if name not in marks:
                bare.append(file.name)
            yield Example(name, label, file.path, box)
        if bare and marks:
            total = len(self.members[character].files)
            self.remarks.append(
                f"{character}: {len(bare):,} of {total:,} pictures have no box: {shorten(bare)}"
            )

    def _tests(self) -> list[Example]:
        """The pictures of the test set that show one of the classes."""
        labels = {}
        for file in self.tests.files:
            match = re.fullmatch(r"(.+)_\d+", PurePosixPath(file.name).stem)
            if not match:
                self.broken(file.path, "is not called <character>_<number>")
            elif match[1] in self.classes:
                labels[file] = self.classes.index(match[1])
        usable = self._usable(TEST, list(labels))
        made = [Example(f"{TEST}/{file.name}", labels[file], file.path) for file, _, _ in usable]
        for label in sorted(set(range(len(self.classes))) - {picture.label for picture in made}):
            self.broken(
                f"{self.test}: character {self.classes[label]!r}",
                "has no picture in the split 'test'",
            )
        self.remarks.append(
            f"{TEST}: the set has no boxes for these {len(made):,} pictures; a crop leaves them whole"
        )
        return made

    def _usable(
        self, what: str, files: Sequence[FileEntry]
    ) -> Iterator[tuple[FileEntry, int, int]]:
        """(file, height, width) of those that can be decoded."""
        for file in tqdm(files, f"{self.name}: check {what}", unit=" pictures", delay=1):
            try:
                image = decode.open_image(file.path)
            except decode.CorruptImageError as error:
                self.broken(file.path, str(error))
            else:
                yield file, image.height, image.width


def unnest(folder: Path) -> Path:
    """`folder`, or the one of the same name in it."""
    nested = folder / folder.name
    return nested if nested.is_dir() else folder


def find_characters(folder: Path, wanted: Sequence[str]) -> tuple[str, ...]:
    """Those `wanted`, in their order, or if none is, those of CHARACTERS that have a folder; all where nothing is.

    Raises:
        UserError: one that is wanted has no folder.
    """
    if not folder.is_dir():
        return tuple(dict.fromkeys(wanted)) or CHARACTERS
    there = sorted(entry.name for entry in folder.iterdir() if entry.is_dir())
    for name in wanted:
        if name not in there:
            raise unknown("character (--config.data.simpsons.characters)", name, there)
    return tuple(dict.fromkeys(wanted)) or tuple(name for name in CHARACTERS if name in there)


def shorten(names: Sequence[str]) -> str:
    """The first NAMED of them, and how many more there are."""
    more = f" … and {len(names) - MAX_NAMED:,} more" if len(names) > MAX_NAMED else ""
    return ", ".join(names[:MAX_NAMED]) + more
