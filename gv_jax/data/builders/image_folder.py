"""Any folder of pictures: root/<class>/* or root/{train,valid,test}/<class>/*."""

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

import tensorflow_datasets as tfds
from tqdm import tqdm

from gv_jax.data import decode
from gv_jax.data.builders.base import Example, ImageBuilder
from gv_jax.data.builders.folder_listing import FileEntry, FolderListing
from gv_jax.data.builders.folder_listing import scan as read_listing
from gv_jax.data.splits import stratified
from gv_jax.errors import UserError

SPLIT_FOLDERS = {
    "train": "train",
    "valid": "valid",
    "val": "valid",
    "validation": "valid",
    "test": "test",
}


class ImageFolder(ImageBuilder, skip_registration=True):
    """PNG, JPEG, BMP, GIF (first frame), WebP of any size, with a folder for each class, at any depth in it.

    If all top folders are called train, valid (val, validation) or test, and one is train, they are the
    splits: valid is taken from train if it is not among them, and test may be missing. Otherwise the top
    folders are the classes, and the split is made here, stratified and by seed. Nothing is ever written to
    the folder.

    Args:
        group_pattern: regular expression searched in a file's name without suffix. Its first group `(...)`
            says what the picture belongs to, and pictures of one group stay on one side of the split, also
            across classes. A file without a match stands alone, as all do for "". With `^(.+?)\\d*$` wall1,
            wall2 and wall3 stay together.
    """

    name = "image_folder"
    VERSION = tfds.core.Version("1.0.0")

    def __init__(self, *, root: Path, path: str, group_pattern: str, **options):
        self.folder = Path(path).expanduser()
        real = Path(
            os.path.realpath(self.folder)
        )  # where Path.resolve would fail on a circle of links
        if path and Path(os.path.realpath(root)).is_relative_to(real):
            raise UserError(
                f"{path}: the prepared data ({root}) would be written inside the folder of pictures. "
                "Give another place with --config.data.root=DIR."
            )
        self.pattern = _compile_pattern(group_pattern)
        self.listing = (
            read_listing(self.folder) if path and self.folder.is_dir() else FolderListing()
        )
        self.members, self.strays = _layout(self.folder, self.listing)
        self.classes = self.find_classes(path)
        self.groups = {}
        listed = hashlib.sha256()
        for file in self.listing.files:
            listed.update(f"{file.name}\0{file.size}\0{file.changed_ns}\n".encode())
        super().__init__(
            root=root,
            path=path,
            shaped_by={
                "folder": str(real),
                "files": listed.hexdigest(),
                "folders": self.listing.folders,
                "problems": [f"{place}: {why}" for place, why in self.listing.problems],
                "group_pattern": group_pattern,
            },
            **options,
        )

    def find_classes(self, path: str) -> tuple[str, ...]:
        """The names of the class folders, sorted; in the layout with splits, of those in train.

        Raises:
            UserError: no such folder, or not two classes in it.
        """
        if not path:
            raise UserError(
                "image_folder needs --config.data.path=DIR, with a folder of pictures for each class."
            )
        if not self.folder.is_dir():
            why = "is no folder" if self.folder.exists() else "no such folder"
            raise UserError(
                f"{path}: {why}. Give the folder of the class folders as --config.data.path=DIR."
            )
        found = sorted({name for name, _ in self.members.get("train") or self.members.get("", [])})
        if len(found) < 2:
            what = (
                f"only the class {found[0]!r}" if found else "no class folder with pictures in it"
            )
            raise UserError(
                f"{path}: holds {what}. Make two or more, one for each class, and put its pictures there, "
                "PNG, JPEG, BMP, GIF or WebP."
            )
        return tuple(found)

    def group(self, name: str) -> str:
        """What the picture called `name` (relative path) belongs to."""
        match = self.pattern and self.pattern.search(PurePosixPath(name).stem)
        return f"group {match[1]}" if match and match[1] is not None else f"file {name}"

    def pictures(self) -> Mapping[str, Iterable[Example]]:
        self._leave_out()
        kept = {split: list(self._usable(members)) for split, members in self.members.items()}
        if "" in kept:
            return self._divide(
                kept[""], stratified.split_fractions(self.valid_fraction, self.test_fraction)
            )
        if "valid" not in kept and self.valid_fraction:
            kept |= self._divide(kept["train"], stratified.split_fractions(self.valid_fraction, 0))
        for split in kept:
            for label in sorted(
                set(range(len(self.classes))) - {picture.label for picture in kept[split]}
            ):
                what = f"{self.path}: class {self.classes[label]!r}"
                if split == "train":
                    raise UserError(f"{what}: no picture is left to train on.")
                self.broken(what, f"has no picture in the split {split!r}")
        return {split: kept[split] for split in ("train", "valid", "test") if split in kept}

    def _leave_out(self) -> None:
        """Notes all that the listing showed to be of no use."""
        for place, why in self.listing.problems:
            self.broken(place, why)
        for file in self.strays:
            self.broken(file.path, "is a picture outside of the class folders")
        full = {
            str(parent)
            for file in self.listing.files
            for parent in PurePosixPath(file.name).parents
        }
        depth = 1 if "" in self.members else 2
        for name in self.listing.folders:
            if name not in full and len(PurePosixPath(name).parts) <= depth:
                self.broken(self.folder / name, "is a folder without pictures")
        every = [member for members in self.members.values() for member in members]
        unknown = {
            PurePosixPath(file.name).parts[:depth]
            for name, file in every
            if name not in self.classes
        }
        for parts in sorted(unknown):
            why = "is none of the classes" if depth == 1 else "is not among the classes of train"
            self.broken(self.folder.joinpath(*parts), f"{why} ({', '.join(self.classes)})")

    def _usable(self, members: list[tuple[str, FileEntry]]) -> Iterator[Example]:
        for name, file in tqdm(members, f"{self.name}: check", unit=" pictures", delay=1):
            if name not in self.classes:
                continue
            try:
                image = decode.open_image(file.path)
            except decode.CorruptImageError as error:
                self.broken(file.path, str(error))
                continue
            if any(self.native_size) and (image.height, image.width) != self.native_size:
                height, width = self.native_size
                self.broken(
                    file.path, f"has {image.width}x{image.height} pixels, not {width}x{height}"
                )
                continue
            yield Example(file.name, self.classes.index(name), file.path)

    def _divide(
        self, pictures: list[Example], share: Mapping[str, float]
    ) -> dict[str, list[Example]]:
        labels = [picture.label for picture in pictures]
        groups = [self.group(picture.id) for picture in pictures]
        parts = stratified.assign_single_label(labels, groups, share, self.split_seed, self.classes)
        return {split: [pictures[index] for index in indices] for split, indices in parts.items()}


def _compile_pattern(group_pattern: str) -> re.Pattern[str] | None:
    if not group_pattern:
        return None
    option = f"--config.data.image_folder.group_pattern={group_pattern!r}"
    try:
        pattern = re.compile(group_pattern)
    except re.error as error:
        raise UserError(f"{option} is no regular expression: {error}.") from error
    if not pattern.groups:
        raise UserError(
            rf"{option} needs a group (...) that says what a picture belongs to, as in '^(.+?)\d*$'."
        )
    return pattern


def _layout(
    folder: Path, listing: FolderListing
) -> tuple[dict[str, list[tuple[str, FileEntry]]], list[FileEntry]]:
    """(split -> (class, picture) of each, all under "" if the folder gives no splits; those in no class)."""
    parts = [(PurePosixPath(file.name).parts, file) for file in listing.files]
    tops = sorted({names[0] for names, _ in parts if len(names) > 1})
    given = {top: SPLIT_FOLDERS[top.lower()] for top in tops if top.lower() in SPLIT_FOLDERS}
    if "train" not in given.values() or len(given) == 1 < len(
        tops
    ):  # a class may be called train or test
        given = {}
    elif len(given) < len(tops) or len(set(given.values())) < len(given):
        raise UserError(
            f"{folder}: cannot tell splits from classes, the folders are {', '.join(map(repr, tops))}. "
            "Keep only train, valid and test there, or only classes."
        )
    depth = 2 if given else 1
    members = {split: [] for split in ("train", "valid", "test") if split in given.values()} or {
        "": []
    }
    for names, file in parts:
        if len(names) > depth:
            members[given.get(names[0], "")].append((names[depth - 1], file))
    return members, [file for names, file in parts if len(names) <= depth]
