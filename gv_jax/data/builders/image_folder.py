"""A folder of labeled images: root/<class>/* or root/{train,valid,test}/<class>/*."""

import os
import re
from array import array
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, overload

import numpy as np
import tensorflow_datasets as tfds
from tqdm import tqdm

from gv_jax.data.builders import folder_listing
from gv_jax.data.builders.base import Example, ImageBuilder
from gv_jax.data.builders.file_list import ClassFiles, FileEntry
from gv_jax.data.builders.folder_layout import find_layout
from gv_jax.data.builders.folder_listing import FolderListing
from gv_jax.data.builders.image_check import ImageCheck, check_image
from gv_jax.data.formats.first_frame import FORMAT_NAMES
from gv_jax.data.parallel import count_cores, map_in_threads
from gv_jax.data.splits import stratified
from gv_jax.data.string_array import StringArray
from gv_jax.errors import UserError


class FileExamples(Sequence[Example]):
    """Labeled files, of which 8 bytes each are in memory.

    Args:
        members: files.
        rows: indices of the chosen ones: int [n].
        labels: the label of each: int [n].
    """

    def __init__(self, members: ClassFiles, rows: np.ndarray, labels: np.ndarray):
        self._members, self._rows, self.labels = members, rows, labels

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Example: ...
    @overload
    def __getitem__(self, index: slice) -> "FileExamples": ...
    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return self.take(np.arange(len(self))[index])
        _, file = self._members[int(self._rows[index])]
        return Example(file.name, int(self.labels[index]), file.path)

    def take(self, indices: np.ndarray) -> "FileExamples":
        """The examples at `indices`, int [m]."""
        return FileExamples(self._members, self._rows[indices], self.labels[indices])


class ImageFolder(ImageBuilder, skip_registration=True):
    """Images of any size, the first frame of animations, in one folder per class.

    If all top folders are named as splits, and one of them train, they are the splits
    (`folder_layout.find_split_folders`). A missing valid is then taken from train, and a missing
    test stays missing. Otherwise the top folders are the classes, and the split is stratified and
    random. Classes are in natural order. Files in deeper folders belong to their class folder.
    Images of a test folder without class folders are in no split. Nothing is ever written to the
    folder.

    Args:
        root, path: as in ImageBuilder.
        group_pattern: regular expression that is searched in the file name without suffix. Its
            first group `(...)` names the group of the image. A group is in one split, even across
            classes. A file without a match is a group of its own, as are all files for "". With
            `^(.+?)\\d*$` wall1, wall2 and wall3 are one group.

    Raises:
        UserError: no such folder, fewer than two classes, top folders that are no classes, or an
            invalid pattern.
    """

    name = "image_folder"
    VERSION = tfds.core.Version("1.0.0")
    fixed_classes: tuple[str, ...] = ()  # of a subclass whose classes are known

    def __init__(self, *, root: Path, path: str, group_pattern: str, **options):
        self.folder = Path(path).expanduser()
        if path:
            folder_listing.check_root_outside(root, self.folder)
        option = "--config.data.image_folder.group_pattern"
        self.pattern = compile_pattern(option, group_pattern, r"^(.+?)\d*$")
        is_folder = path and self.folder.is_dir()
        self.listing = folder_listing.scan(self.folder) if is_folder else FolderListing()
        self.layout = find_layout(self.folder, self.listing, self.fixed_classes)
        self.classes = self.find_classes(path)
        self.groups = {}
        self.notes = (
            *self.layout.describe_unlabeled(self.folder),
            *folder_listing.describe_left_out(self.folder, self.listing.left_out),
        )
        super().__init__(
            root=root,
            path=path,
            fingerprint_fields={
                "folder": os.path.realpath(self.folder),
                "files": folder_listing.files_digest(self.listing.files, root),
                "folders": self.listing.folders,
                "classes": self.classes,
                "splits": self.layout.bases,
                "problems": [f"{file}: {reason}" for file, reason in self.listing.problems],
                "group_pattern": group_pattern,
            },
            **options,
        )

    def find_classes(self, path: str) -> tuple[str, ...]:
        """Names of the class folders, those of train if the folder has splits, in natural order.

        Raises:
            UserError: no such folder, or fewer than two classes.
        """
        if not path:
            raise UserError(
                "image_folder requires --config.data.path=DIR, with one folder of images per class."
            )
        if not self.folder.is_dir():
            problem = "is not a folder" if self.folder.exists() else "no such folder"
            raise UserError(
                f"{path}: {problem}. Give the folder of the class folders as "
                "--config.data.path=DIR."
            )
        names = self.layout.classes
        if len(names) < 2:
            content = f"only the class {names[0]!r}" if names else "no class folder with images"
            advice = self.layout.wrong_level or (
                "Make one folder for each of at least two classes and put its images there "
                f"({FORMAT_NAMES}). For a task without classes, and to generate images of a single "
                "one, give --config.data.name=unlabeled_folder."
            )
            raise UserError(f"{path}: contains {content}. {advice}")
        return names

    def group_of(self, image_id: str) -> str:
        match = self.pattern and self.pattern.search(PurePosixPath(image_id).stem)
        return f"group {match[1]}" if match and match[1] is not None else f"file {image_id}"

    def generate(self) -> Mapping[str, Iterable[Example]]:
        self._skip_unusable()
        members = self.layout.members
        splits: dict[str, FileExamples] = {
            split: self._check_images(part) for split, part in members.items()
        }
        if "" in splits:
            return self._split_files(
                splits[""], stratified.split_fractions(self.valid_fraction, self.test_fraction)
            )
        if "valid" not in splits and self.valid_fraction:
            splits |= self._split_files(
                splits["train"], stratified.split_fractions(self.valid_fraction, 0)
            )
        for split, examples in splits.items():
            self.check_classes(split, examples, self.path)
        return {split: splits[split] for split in ("train", "valid", "test") if split in splits}

    def _skip_unusable(self) -> None:
        """Skips, or raises for, everything that the listing shows to be unusable."""
        for path, reason in self.listing.problems:
            self.skip_or_raise(path, reason)
        for file in self.layout.outside:
            self.skip_or_raise(file.path, "is an image outside of the class folders")
        with_images = {
            str(parent)
            for file in self.listing.files
            for parent in PurePosixPath(file.name).parents
        }
        bases = self.layout.bases
        parents = {(), *bases.values()}
        for name in self.listing.folders:
            if name not in with_images and PurePosixPath(name).parts[:-1] in parents:
                self.skip_or_raise(self.folder / name, "is a folder without images")
        unknown_folders = {
            (*bases[split], name)
            for split, members in self.layout.members.items()
            for name, _ in members
            if name not in self.classes
        }
        for parts in sorted(unknown_folders):
            reason = "is not a class of train" if "train" in bases else "is not one of the classes"
            folder = self.folder.joinpath(*parts)
            self.skip_or_raise(folder, f"{reason} ({', '.join(self.classes)})")

    def _check_images(self, members: ClassFiles) -> FileExamples:
        """The usable ones of the images of a split."""
        height, width = self.native_size
        label_of = {name: label for label, name in enumerate(self.classes)}

        def check(row: int) -> tuple[int, int | None, FileEntry, ImageCheck | None]:
            name, file = members[row]
            label = label_of.get(name)
            return row, label, file, None if label is None else check_image(file.path)

        checked = map_in_threads(check, range(len(members)), count_cores())
        progress = tqdm(checked, f"{self.name}: check", len(members), unit=" images", delay=1)
        rows, labels = array("i"), array("i")
        for row, label, file, result in progress:
            if label is None or result is None or not self.accept_image(file.path, result):
                continue
            if any(self.native_size) and result.size != (width, height):
                self.skip_or_raise(
                    file.path, "has {}x{} pixels, not {}x{}".format(*result.size, width, height)
                )
                continue
            rows.append(row)
            labels.append(label)
        return FileExamples(members, np.array(rows), np.array(labels))

    def _split_files(
        self, examples: FileExamples, fractions: Mapping[str, float]
    ) -> dict[str, FileExamples]:
        ids = (example.id for example in examples)
        parts = self._assign_rows(ids, examples.labels.tolist(), fractions)
        return {split: examples.take(np.array(rows, int)) for split, rows in parts.items()}

    def _assign_rows(
        self, ids: Iterable[str], labels: Sequence[int], fractions: Mapping[str, float]
    ) -> dict[str, list[int]]:
        """The indices of the images of every split."""
        groups = StringArray.from_strings(self.group_of(id_) for id_ in ids)
        return stratified.assign_single_label(
            labels, groups, fractions, self.split_seed, self.classes
        )


def compile_pattern(option: str, pattern: str, example: str) -> re.Pattern[str] | None:
    """A regular expression with a group; None for "".

    Args:
        option: name of the config field, for messages.
        pattern: its value.
        example: a valid value, for messages.

    Raises:
        UserError: not a valid regular expression, or without a group.
    """
    if not pattern:
        return None
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise UserError(
            f"{option}={pattern!r} is not a valid regular expression: {error}."
        ) from error
    if not compiled.groups:
        raise UserError(f"{option}={pattern!r} has no group (...), as in {example!r}.")
    return compiled
