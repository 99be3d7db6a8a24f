"""A folder of unlabeled game images: ordered frames, or images of many titles."""

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath

import tensorflow_datasets as tfds
from tqdm import tqdm

from gv_jax.data import clips, decode
from gv_jax.data.builders import folder_listing
from gv_jax.data.builders.base import Example, ImageBuilder
from gv_jax.data.builders.file_list import FileEntry
from gv_jax.data.builders.image_folder import compile_pattern
from gv_jax.data.formats.first_frame import FORMAT_NAMES
from gv_jax.data.frame_filter import FrameFilter
from gv_jax.data.natural_order import natural_key
from gv_jax.data.splits import frames as frame_splits
from gv_jax.data.splits import stratified
from gv_jax.data.titles import ALIAS_SEPARATOR
from gv_jax.errors import UserError

TITLE_PATTERN = re.compile(r"(.*?) \(.*|(.*?)[ _.-]*\d+|(.+)", re.DOTALL)


class FramesFolder(ImageBuilder, skip_registration=True):
    """Images below a folder, the first frame of animations; classes are their titles.

    The title of an image in a subfolder is the name of the top folder. Other titles come from the
    file name: the text before " (" ("Aleste (Japan)") or before the last number ("walk_0012"), or
    the name of the folder for a name that is only a number. Names joined by " _ " are one title:
    "Zillion _ Akai Koudan (Europe)" and "Akai Koudan (Japan)". The images of a title are ordered by
    number, then by name. Images of a single color and near-duplicates of an earlier image, also of
    another title, are dropped (`FrameFilter`). The id is the path in the folder.

    Args:
        root, path: as in ImageBuilder.
        title_pattern: regular expression that is searched in the path in the folder, without
            suffix. Its first group `(...)` is the title. "": as above.
        hold_out, scene_length, gap, test_only: as in `splits.frames.split_frames`.
        common: the other arguments of ImageBuilder.

    Raises:
        UserError: no such folder, no image in it, or an invalid option. `prepare()` raises it if
            there are too few images for the splits.
    """

    name = "frames_folder"
    VERSION = tfds.core.Version("1.0.0")

    def __init__(
        self,
        *,
        root: Path,
        path: str,
        title_pattern: str,
        hold_out: str,
        scene_length: int,
        gap: int,
        test_only: Sequence[str],
        **common,
    ):
        if not path:
            raise UserError(
                "frames_folder requires --config.data.path=DIR, a folder of images, or of one "
                "folder per game."
            )
        self.folder = Path(path).expanduser()
        if not self.folder.is_dir():
            raise UserError(
                f"{path}: no such folder. Give the folder of the images as --config.data.path=DIR."
            )
        folder_listing.check_root_outside(root, self.folder)
        self.listing = folder_listing.scan(self.folder)
        if not self.listing.files:
            raise UserError(f"{path}: contains no image ({FORMAT_NAMES}).")
        option = "--config.data.frames_folder.title_pattern"
        pattern = compile_pattern(option, title_pattern, "^([^/]+)_")
        self.members = group_by_title(self.listing.files, self.folder.resolve().name, pattern)
        self.classes, self.groups = tuple(self.members), {}
        self.notes = tuple(folder_listing.describe_left_out(self.folder, self.listing.left_out))
        frame_splits.check_hold_out(self.name, hold_out, scene_length, gap, test_only, self.classes)
        self.split_options = {
            "hold_out": hold_out,
            "scene_length": scene_length,
            "gap": gap,
            "test_only": tuple(test_only),
        }
        fingerprint_fields = {
            "folder": os.path.realpath(self.folder),
            "files": folder_listing.files_digest(self.listing.files, root),
            "problems": [f"{file}: {reason}" for file, reason in self.listing.problems],
            "title_pattern": title_pattern,
            **self.split_options,
        }
        super().__init__(root=root, path=path, **common, fingerprint_fields=fingerprint_fields)
        self.fractions = stratified.split_fractions(self.valid_fraction, self.test_fraction)

    @cached_property
    def titles(self) -> dict[str, str]:
        """Id of every image -> its title."""
        return {file.name: title for title, files in self.members.items() for file in files}

    def group_of(self, image_id: str) -> str:
        """The title of an image, as scenes of one title are too similar to be separate groups."""
        return self.titles[image_id]

    def generate(self) -> Mapping[str, Iterable[Example]]:
        for path, reason in self.listing.problems:
            self.skip_or_raise(path, reason)
        files: list[FileEntry] = []
        labels: list[int] = []
        frame_indices: list[int] = []  # position in the title, dropped images included
        frame_filter = FrameFilter()
        progress = tqdm(self.classes, f"{self.name}: check", unit=" titles", delay=1)
        for label, title in enumerate(progress):
            for frame_index, file in enumerate(self.members[title]):
                if self._is_usable(file, frame_filter):
                    files.append(file)
                    labels.append(label)
                    frame_indices.append(frame_index)
        if frame_filter.summary:
            self.warnings.append(f"{self.path}: dropped {frame_filter.summary}")
        if self.split_options["hold_out"] == "scenes":
            self._check_enough(labels)
        splits = frame_splits.split_frames(
            labels,
            frame_indices,
            self.classes,
            self.fractions,
            self.split_seed,
            **self.split_options,
        )
        num_dropped = len(files) - sum(len(members) for members in splits.values())
        if num_dropped:
            self.warnings.append(
                f"{self.path}: dropped {num_dropped:,} images near held-out scenes"
            )
        return {
            split: [Example(files[i].name, labels[i], files[i].path) for i in members]
            for split, members in splits.items()
        }

    def _is_usable(self, file: FileEntry, frame_filter: FrameFilter) -> bool:
        image = self.open_image(file.path)
        return image is not None and frame_filter.accept(decode.to_channels(image, 3, (0, 0, 0)))

    def _check_enough(self, labels: Sequence[int]) -> None:
        for label, title in enumerate(self.classes):
            count = labels.count(label)
            if title not in self.split_options["test_only"] and count < len(self.fractions):
                raise UserError(
                    f"{self.path}: the title {title!r} has {count} usable images, too few to hold "
                    "out scenes. Hold out whole titles: "
                    "--config.data.frames_folder.hold_out=titles."
                )


def group_by_title(
    files: Iterable[FileEntry], folder: str, pattern: re.Pattern[str] | None
) -> dict[str, list[FileEntry]]:
    """Title -> its images in order, with sorted titles.

    Args:
        files: images.
        folder: title of an image whose name is only a number.
        pattern: as in `title_of`.
    """
    by_name: defaultdict[str, list[FileEntry]] = defaultdict(list)
    for file in files:
        by_name[title_of(file.name, folder, pattern)].append(file)
    members: defaultdict[str, list[FileEntry]] = defaultdict(list)
    for title, names in merge_titles(by_name).items():
        for name in names:
            members[title] += by_name[name]
    return {
        title: sorted(members[title], key=frame_order) for title in sorted(members, key=natural_key)
    }


def title_of(name: str, folder: str, pattern: re.Pattern[str] | None) -> str:
    """The title of the image with the relative path `name`.

    Args:
        name: path in the folder, with / between its parts.
        folder: title of an image whose name is only a number.
        pattern: regular expression whose first group is the title, or None.
    """
    path = PurePosixPath(name)
    if pattern:
        match = pattern.search(str(path.with_suffix("")))
        return match[1] if match and match[1] else path.stem
    if len(path.parts) > 1:
        return path.parts[0]
    match = TITLE_PATTERN.fullmatch(path.stem)
    return next((group for group in match.groups() if group), folder) if match else folder


def merge_titles(names: Iterable[str]) -> dict[str, list[str]]:
    """Title -> its names; names that share an alias are one title, called as the first of them."""
    members: dict[str, list[str]] = {}
    aliases: dict[str, set[str]] = {}
    for name in sorted(names):
        merged_names, merged_aliases = [name], set(name.split(ALIAS_SEPARATOR))
        for title in [title for title, others in aliases.items() if others & merged_aliases]:
            merged_aliases |= aliases.pop(title)
            merged_names = members.pop(title) + merged_names
        members[merged_names[0]], aliases[merged_names[0]] = merged_names, merged_aliases
    return members


def frame_order(file: FileEntry) -> tuple[tuple[str, str], int, str]:
    """Sort key: frames by clip and number, single images by name, both in natural order."""
    clip, frame_index = clips.parse_frame_id(file.name) or (file.name, 0)
    return natural_key(clip), frame_index, file.name
