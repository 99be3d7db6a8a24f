"""Stills of The Simpsons with boxes, Kaggle's alexattia/the-simpsons-characters-dataset.

Supplied by the user.
"""

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

import tensorflow_datasets as tfds
from tqdm import tqdm

from gv_jax.data.builders import folder_listing, simpsons_boxes
from gv_jax.data.builders.base import Example, ImageBuilder
from gv_jax.data.builders.content_hash import content_digest
from gv_jax.data.builders.file_list import FileEntry
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
TRAIN_FOLDER, TEST_FOLDER = "simpsons_dataset", "kaggle_simpson_testset"
BOXES_FILE = "annotation.txt"
MAX_NAMES_LISTED = 20  # names in a warning; the rest is counted


class Simpsons(ImageBuilder, skip_registration=True):
    """simpsons_dataset/<name>/*.jpg, kaggle_simpson_testset/<name>_<n>.jpg, annotation.txt.

    Read from the folder `path` (or root/simpsons). The test split is kaggle_simpson_testset, which
    has no boxes; valid is a stratified random part of simpsons_dataset. Images with an invalid box
    are used without it, and `warnings` lists them. Each of the two folders may contain another one
    of the same name with the files, as in some copies.

    Args:
        root, path: as in ImageBuilder.
        characters: names of folders, each a class; () for those of CHARACTERS that exist.
        options: the other arguments of ImageBuilder.

    Raises:
        UserError: a character has no folder.
    """

    name = "simpsons"
    VERSION = tfds.core.Version("1.0.0")

    def __init__(self, *, root: Path, path: str, characters: Sequence[str], **options):
        self.folder = Path(path or Path(root) / self.name).expanduser()
        folder_listing.check_root_outside(root, self.folder)
        self.train_folder = unnest(self.folder / TRAIN_FOLDER)
        self.test_folder = unnest(self.folder / TEST_FOLDER)
        self.boxes_file = self.folder / BOXES_FILE
        self.classes = find_characters(self.train_folder, characters)
        self.groups = {}
        self.members = {
            name: folder_listing.scan(self.train_folder / name) for name in self.classes
        }
        self.test_listing = folder_listing.scan(self.test_folder)
        listings = [*self.members.values(), self.test_listing]
        left_out = [Counter(listing.left_out) for listing in self.members.values()]
        self.notes = (
            *folder_listing.describe_left_out(self.train_folder, sum(left_out, Counter())),
            *folder_listing.describe_left_out(self.test_folder, self.test_listing.left_out),
        )
        files = [
            (str(file.path), file.path)  # a character can have files of the same name in the test
            for listing in listings
            for file in listing.files
        ]
        if self.boxes_file.is_file():
            files.append((BOXES_FILE, self.boxes_file))
        super().__init__(
            root=root,
            path=path,
            fingerprint_fields={
                "folder": os.path.realpath(self.folder),
                "files": content_digest(files, root),
                "characters": self.classes,
            },
            **options,
        )

    def generate(self) -> Mapping[str, Iterable[Example]]:
        for folder in (self.train_folder, self.test_folder):
            if not folder.is_dir():
                raise UserError(
                    f"{folder}: no such folder. Put {TRAIN_FOLDER}, {TEST_FOLDER} and {BOXES_FILE} "
                    "of Kaggle's alexattia/the-simpsons-characters-dataset into "
                    f"{self.folder}, or give their folder as --config.data.path=DIR."
                )
        if len(self.classes) < 2:
            raise UserError(
                f"{self.train_folder}: contains {len(self.classes)} of the characters "
                f"{', '.join(CHARACTERS)}, but at least two are required. Add their folders, or "
                "select others: --config.data.simpsons.characters=\"('name', 'name')\"."
            )
        for listing in (*self.members.values(), self.test_listing):
            for path, reason in listing.problems:
                self.skip_or_raise(path, reason)
        boxes = self._read_boxes()
        examples = [
            example for name in self.classes for example in self._train_examples(name, boxes)
        ]
        parts = stratified.assign_single_label(
            [example.label for example in examples],
            [example.id for example in examples],
            stratified.split_fractions(self.valid_fraction, 0),
            self.split_seed,
            self.classes,
        )
        splits = {split: [examples[index] for index in indices] for split, indices in parts.items()}
        return splits | {"test": self._test_examples()}

    def _read_boxes(self) -> dict[str, list[BoxAnnotation]]:
        """Image id -> its boxes; adds warnings on invalid lines and on boxes without an image."""
        if not self.boxes_file.is_file():
            self.warnings.append(f"{self.boxes_file}: does not exist, so no image has a box")
            return {}
        boxes, errors = simpsons_boxes.read_boxes(self.boxes_file)
        self.warnings += [f"{self.boxes_file}, {line}" for line in errors]
        ids = {
            f"{name}/{file.name}"
            for name, listing in self.members.items()
            for file in listing.files
        }
        missing = [
            image_id
            for image_id in boxes
            if image_id not in ids and image_id.partition("/")[0] in self.classes
        ]
        if missing:
            self.warnings.append(
                f"{self.boxes_file}: {len(missing):,} images with a box do not exist: "
                f"{shorten(missing)}"
            )
        return boxes

    def _train_examples(
        self, character: str, boxes: Mapping[str, list[BoxAnnotation]]
    ) -> Iterator[Example]:
        """The images of a character with their boxes; adds warnings on those without a box."""
        label, files = self.classes.index(character), self.members[character].files
        without_box = []
        for file, height, width in self._check_images(character, files):
            image_id = f"{character}/{file.name}"
            annotations = boxes.get(image_id, ())
            box, warnings = simpsons_boxes.select_box(annotations, character, height, width)
            self.warnings += [f"{image_id}: {line}" for line in warnings]
            if image_id not in boxes:
                without_box.append(file.name)
            yield Example(image_id, label, file.path, box)
        if without_box and boxes:
            self.warnings.append(
                f"{character}: {len(without_box):,} of {len(files):,} images have no box: "
                f"{shorten(without_box)}"
            )

    def _test_examples(self) -> list[Example]:
        """The test images of the classes."""
        labels = {}
        for file in self.test_listing.files:
            match = re.fullmatch(r"(.+)_\d+", PurePosixPath(file.name).stem)
            if not match:
                self.skip_or_raise(file.path, "is not named <character>_<number>")
            elif match[1] in self.classes:
                labels[file] = self.classes.index(match[1])
        examples = [
            Example(f"{TEST_FOLDER}/{file.name}", labels[file], file.path)
            for file, _, _ in self._check_images(TEST_FOLDER, list(labels))
        ]
        self.check_classes("test", examples, str(self.test_folder))
        self.warnings.append(
            f"{TEST_FOLDER}: the {len(examples):,} images have no boxes and are not cropped"
        )
        return examples

    def _check_images(
        self, description: str, files: Sequence[FileEntry]
    ) -> Iterator[tuple[FileEntry, int, int]]:
        """(file, height, width) of the images that can be decoded."""
        for file in tqdm(files, f"{self.name}: check {description}", unit=" images", delay=1):
            image = self.open_image(file.path)
            if image is not None:
                yield file, image.height, image.width


def unnest(folder: Path) -> Path:
    """The folder of the same name in `folder`, or `folder` if there is none."""
    nested = folder / folder.name
    return nested if nested.is_dir() else folder


def find_characters(folder: Path, selected: Sequence[str]) -> tuple[str, ...]:
    """The `selected` characters in their order, or those of CHARACTERS that have a folder.

    All of them if `folder` does not exist.

    Raises:
        UserError: a selected character has no folder.
    """
    if not folder.is_dir():
        return tuple(dict.fromkeys(selected)) or CHARACTERS
    present = sorted(entry.name for entry in folder.iterdir() if entry.is_dir())
    for name in selected:
        if name not in present:
            raise unknown("character (--config.data.simpsons.characters)", name, present)
    return tuple(dict.fromkeys(selected)) or tuple(name for name in CHARACTERS if name in present)


def shorten(names: Sequence[str]) -> str:
    """The first MAX_NAMES_LISTED names and the number of the others."""
    more = f" … and {len(names) - MAX_NAMES_LISTED:,} more" if len(names) > MAX_NAMES_LISTED else ""
    return ", ".join(names[:MAX_NAMES_LISTED]) + more
