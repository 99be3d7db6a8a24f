"""A folder of images without labels, for tasks that need none."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

import tensorflow_datasets as tfds
from tqdm import tqdm

from gv_jax.data.builders import folder_listing
from gv_jax.data.builders.base import Example, ImageBuilder
from gv_jax.data.builders.folder_layout import find_layout, find_split_folders
from gv_jax.data.formats.first_frame import FORMAT_NAMES
from gv_jax.data.splits import stratified
from gv_jax.errors import UserError


class UnlabeledFolder(ImageBuilder, skip_registration=True):
    """All images at any depth below a folder, as one class; the split is random.

    If all images are in top folders that `find_split_folders` recognizes, each split once, these
    are the splits. A missing valid is then taken from train.

    Raises:
        UserError: no such folder, or no image in it. `prepare()` raises it if there are too few
            images for the splits.
    """

    name = "unlabeled_folder"
    VERSION = tfds.core.Version("1.0.0")

    def __init__(self, *, root: Path, path: str, **common):
        self.folder = Path(path).expanduser()
        if not path or not self.folder.is_dir():
            raise UserError(
                f"unlabeled_folder requires --config.data.path=DIR, a folder of images; {path!r} "
                "is none."
            )
        folder_listing.check_root_outside(root, self.folder)
        self.listing = folder_listing.scan(self.folder)
        if not self.listing.files:
            raise UserError(f"{path}: contains no image ({FORMAT_NAMES}).")
        self.classes, self.groups = ("image",), {}
        self.notes = tuple(folder_listing.describe_left_out(self.folder, self.listing.left_out))
        super().__init__(
            root=root,
            path=path,
            fingerprint_fields={
                "folder": os.path.realpath(self.folder),
                "files": folder_listing.files_digest(self.listing.files, root),
                "problems": [f"{file}: {reason}" for file, reason in self.listing.problems],
            },
            **common,
        )

    def generate(self) -> Mapping[str, Iterable[Example]]:
        for path, reason in self.listing.problems:
            self.skip_or_raise(path, reason)
        splits: dict[str, list[Example]] = {}
        split_of = find_splits([file.name for file in self.listing.files])
        for file in tqdm(self.listing.files, f"{self.name}: check", unit=" images", delay=1):
            if self.open_image(file.path) is not None:
                split = split_of.get(PurePosixPath(file.name).parts[0], "")
                splits.setdefault(split, []).append(Example(file.name, 0, file.path))
        if not split_of:
            fractions = stratified.split_fractions(self.valid_fraction, self.test_fraction)
            return self._assign_splits(splits.get("", []), fractions)
        if "valid" not in splits and self.valid_fraction:
            fractions = stratified.split_fractions(self.valid_fraction, 0)
            splits |= self._assign_splits(splits["train"], fractions)
        return {split: splits[split] for split in ("train", "valid", "test") if split in splits}

    def _assign_splits(
        self, examples: list[Example], fractions: Mapping[str, float]
    ) -> dict[str, list[Example]]:
        parts = stratified.assign_single_label(
            [0] * len(examples),
            [f"file {example.id}" for example in examples],
            fractions,
            self.split_seed,
            self.classes,
        )
        return {split: [examples[index] for index in indices] for split, indices in parts.items()}


def find_splits(names: Sequence[str]) -> dict[str, str]:
    """Top folder -> its split; {} unless all images are in folders of different splits."""
    paths = [PurePosixPath(name) for name in names]
    tops = sorted({path.parts[0] for path in paths})
    split_of = find_split_folders(tops) if all(len(path.parts) > 1 for path in paths) else {}
    splits = list(split_of.values())
    is_complete = len(split_of) == len(tops) and len(set(splits)) == len(splits)
    return split_of if is_complete and "unlabeled" not in splits else {}


def has_class_folders(path: Path) -> bool:
    """Whether all images of a folder are in one of at least two class folders."""
    folder = path.expanduser()
    try:
        layout = find_layout(folder, folder_listing.scan(folder))
    except UserError:
        return False
    return len(layout.classes) > 1 and not layout.outside and not layout.unlabeled
