"""A folder of images without labels, for tasks that need none."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

import tensorflow_datasets as tfds
from tqdm import tqdm

from gv_jax.data.builders import folder_listing
from gv_jax.data.builders.base import Example, ImageBuilder
from gv_jax.data.builders.image_folder import SPLIT_FOLDERS
from gv_jax.data.formats.first_frame import FORMAT_NAMES
from gv_jax.data.splits import stratified
from gv_jax.errors import UserError


class UnlabeledFolder(ImageBuilder, skip_registration=True):
    """All images at any depth below a folder, as one class; the split is random.

    If all images are in top folders named train, valid (val, validation) or test, these are the
    splits. A missing valid is then taken from train.

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
        has_splits = {"train"} <= {split_of(file.name) for file in self.listing.files} - {""}
        has_splits &= all(split_of(file.name) for file in self.listing.files)
        for file in tqdm(self.listing.files, f"{self.name}: check", unit=" images", delay=1):
            if self.open_image(file.path) is not None:
                split = split_of(file.name) if has_splits else ""
                splits.setdefault(split, []).append(Example(file.name, 0, file.path))
        if not has_splits:
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


def split_of(name: str) -> str:
    """The split that the top folder of an image is named after, or ""."""
    parts = PurePosixPath(name).parts
    return SPLIT_FOLDERS.get(parts[0].lower(), "") if len(parts) > 1 else ""


def has_class_folders(path: Path) -> bool:
    """Whether all images of a folder are in one of at least two class folders.

    Class folders are the top folders, or the folders in train, valid and test.
    """
    names = [PurePosixPath(file.name) for file in folder_listing.scan(path.expanduser()).files]
    depth = 1 if names and all(split_of(str(name)) for name in names) else 0
    folders = {name.parts[depth] for name in names if len(name.parts) > depth + 1}
    return len(folders) > 1 and all(len(name.parts) > depth + 1 for name in names)
