"""A folder of game pictures without labels: frames in order, or pictures of many titles."""

import hashlib
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
from gv_jax.data.builders.folder_listing import FileEntry
from gv_jax.data.frame_filter import FrameFilter
from gv_jax.data.splits import frames as frame_splits
from gv_jax.data.splits import stratified
from gv_jax.errors import UserError

TITLE_PATTERN = re.compile(r"(.*?) \(.*|(.*?)[ _.-]*\d+|(.+)", re.DOTALL)
MERGED_TITLES = " _ "  # between the names that one game has in different countries


class FramesFolder(ImageBuilder, skip_registration=True):
    """PNG, JPEG, BMP, GIF (first frame), WebP below the folder `path`; the title of each is its class.

    A picture in a sub-folder is of the title that the top one is called. Others are of the title that their name says:
    what precedes " (", as in "Aleste (Japan)", or the number at its end, as in "walk_0012"; the folder's name where it
    is only a number. Names joined by " _ " are one title, so that "Zillion _ Akai Koudan (Europe)" and "Akai Koudan
    (Japan)" are too. Pictures of a title are in the order of their numbers, then of their names. Left out are those of
    a single colour and those nearly the same as an earlier one, also of another title (`sieve`). The id is the path in
    the folder.

    Args:
        title_pattern: regular expression searched in a path in the folder, without suffix, instead: its first group
            `(...)` is the title.
        hold_out, scene, gap, unseen: see `scenes.divide`.

    Raises:
        UserError: no such folder, no picture in it, or too few for the splits.
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
                "frames_folder needs --config.data.path=DIR, a folder of pictures, or one for each game."
            )
        self.folder = Path(path).expanduser()
        if not self.folder.is_dir():
            raise UserError(
                f"{path}: no such folder. Give the folder of the pictures as --config.data.path=DIR."
            )
        if Path(os.path.realpath(root)).is_relative_to(os.path.realpath(self.folder)):
            raise UserError(
                f"{path}: the prepared data ({root}) would be written inside the folder of pictures. "
                "Give another place with --config.data.root=DIR."
            )
        self.listing = folder_listing.scan(self.folder)
        if not self.listing.files:
            raise UserError(f"{path}: holds no picture (PNG, JPEG, BMP, GIF or WebP).")
        self.members = group_by_title(
            self.listing.files, self.folder.resolve().name, compile_pattern(title_pattern)
        )
        self.classes, self.groups = tuple(self.members), {}
        frame_splits.check_hold_out(self.name, hold_out, scene_length, gap, test_only, self.classes)
        self.holding = {
            "hold_out": hold_out,
            "scene_length": scene_length,
            "gap": gap,
            "test_only": tuple(test_only),
        }
        listed = hashlib.sha256()
        for file in self.listing.files:
            listed.update(f"{file.name}\0{file.size}\0{file.changed_ns}\n".encode())
        shaped_by = {
            "folder": os.path.realpath(self.folder),
            "files": listed.hexdigest(),
            "problems": [f"{place}: {why}" for place, why in self.listing.problems],
            "title_pattern": title_pattern,
            **self.holding,
        }
        super().__init__(root=root, path=path, **common, shaped_by=shaped_by)
        self.share = stratified.split_fractions(self.valid_fraction, self.test_fraction)

    @cached_property
    def titles(self) -> dict[str, str]:
        """Of the name of every picture its title."""
        return {file.name: title for title, files in self.members.items() for file in files}

    def group(self, name: str) -> str:
        """The title of a picture: scenes of one title are too alike to be told apart."""
        return self.titles[name]

    def pictures(self) -> Mapping[str, Iterable[Example]]:
        for place, why in self.listing.problems:
            self.broken(place, why)
        frames: list[tuple[int, FileEntry]] = []  # place in its title, file
        labels: list[int] = []
        sieve = FrameFilter()
        for label, title in enumerate(
            tqdm(self.classes, f"{self.name}: check", unit=" titles", delay=1)
        ):
            for tick, file in enumerate(self.members[title]):
                if self._usable(file, sieve):
                    frames.append((tick, file))
                    labels.append(label)
        if sieve.remark:
            self.remarks.append(f"{self.path}: {sieve.remark} are left out")
        if self.holding["hold_out"] == "scenes":
            self._check_enough(labels)
        ticks = [tick for tick, _ in frames]
        divided = frame_splits.split_frames(
            labels, ticks, self.classes, self.share, self.split_seed, **self.holding
        )
        lost = len(frames) - sum(len(members) for members in divided.values())
        if lost:
            self.remarks.append(
                f"{self.path}: {lost:,} pictures so near to held-out scenes that they are left out"
            )
        return {
            split: [
                Example(frames[index][1].name, labels[index], frames[index][1].path)
                for index in members
            ]
            for split, members in divided.items()
        }

    def _usable(self, file: FileEntry, sieve: FrameFilter) -> bool:
        try:
            image = decode.open_image(file.path)
        except decode.CorruptImageError as error:
            self.broken(file.path, str(error))
            return False
        return sieve.passes(decode.to_channels(image, 3, (0, 0, 0)))

    def _check_enough(self, labels: Sequence[int]) -> None:
        for label, title in enumerate(self.classes):
            if title not in self.holding["test_only"] and labels.count(label) < len(self.share):
                raise UserError(
                    f"{self.path}: the title {title!r} has {labels.count(label)} pictures of use, too few to hold "
                    "scenes of it out. Hold out whole titles: --config.data.frames_folder.hold_out=titles."
                )


def compile_pattern(pattern: str) -> re.Pattern[str] | None:
    """What `title_pattern` says; None where it says nothing."""
    option = f"--config.data.frames_folder.title_pattern={pattern!r}"
    try:
        found = re.compile(pattern) if pattern else None
    except re.error as error:
        raise UserError(f"{option} is no regular expression: {error}.") from error
    if found and not found.groups:
        raise UserError(
            f"{option} needs a group (...) that says what the title is, as in '^([^/]+)_'."
        )
    return found


def group_by_title(
    files: Iterable[FileEntry], folder: str, pattern: re.Pattern[str] | None
) -> dict[str, list[FileEntry]]:
    """Title -> its pictures in order; titles sorted."""
    named: defaultdict[str, list[FileEntry]] = defaultdict(list)
    for file in files:
        named[title_of(file.name, folder, pattern)].append(file)
    members: defaultdict[str, list[FileEntry]] = defaultdict(list)
    for title, its in merge_titles(named).items():
        for name in its:
            members[title] += named[name]
    return {title: sorted(members[title], key=natural_order) for title in sorted(members)}


def title_of(name: str, folder: str, pattern: re.Pattern[str] | None) -> str:
    """The title of the picture called `name`, a path in `folder`."""
    path = PurePosixPath(name)
    if pattern:
        match = pattern.search(str(path.with_suffix("")))
        return match[1] if match and match[1] else path.stem
    if len(path.parts) > 1:
        return path.parts[0]
    match = TITLE_PATTERN.fullmatch(path.stem)
    return next((group for group in match.groups() if group), folder) if match else folder


def merge_titles(names: Iterable[str]) -> dict[str, list[str]]:
    """Title -> names of it: names that share a part between `JOINED` are one title, called as the first of them."""
    found: dict[str, list[str]] = {}
    parts: dict[str, set[str]] = {}
    for name in sorted(names):
        its, together = set(name.split(MERGED_TITLES)), [name]
        for title in [title for title, others in parts.items() if others & its]:
            its |= parts.pop(title)
            together = found.pop(title) + together
        found[together[0]], parts[together[0]] = together, its
    return found


def natural_order(file: FileEntry) -> tuple[str, int, str]:
    """Sorts frames by clip and number, single pictures by name."""
    clip, number = clips.parse_frame_id(file.name) or (file.name, 0)
    return clip, number, file.name
