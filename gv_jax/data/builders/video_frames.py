"""Frames of videos, a game each: play-throughs that a person has recorded or downloaded."""

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import tensorflow_datasets as tfds
from PIL import Image
from tqdm import tqdm

from gv_jax.data.builders import folder_listing
from gv_jax.data.builders.base import Example, ImageBuilder
from gv_jax.data.builders.folder_listing import FileEntry
from gv_jax.data.frame_filter import FrameFilter
from gv_jax.data.splits import frames, stratified
from gv_jax.data.video import VIDEO_SUFFIXES, CorruptVideoError, Video
from gv_jax.errors import UserError, unknown


@dataclass(frozen=True)
class KeptFrame:
    """A frame worth keeping, stored as PNG. tick: its place among the frames of its video that were looked at."""

    id: str
    label: int
    tick: int
    path: Path


class VideoFrames(ImageBuilder, skip_registration=True):
    """RGB frames of the video `path`, or of every video in the folder `path`, each of them a game and a class.

    Of the frames looked at, those of a single colour and those nearly the same as an earlier one are left out
    (`sieve`). The id says game, frame and time: "zelda/f0000058_t0002.417" is 58 frames and 2.417 s after the
    beginning; neighbours differ by `every`. A damaged video gives the frames before the damage, and `remarks` says so.
    Whatever a video's length, one frame of it is in memory at a time; those kept wait on the disk, below `root`, to be
    divided.

    Args:
        videos: names of files in the folder, with / between their parts; all there where ().
        every: frames from one that is looked at to the next.
        hold_out, scene, gap, unseen: see `scenes.divide`; titles are the games.

    Raises:
        UserError: no such file or folder, no video in it, or too few frames for the splits.
    """

    name = "video_frames"
    VERSION = tfds.core.Version("1.0.0")

    def __init__(
        self,
        *,
        path: str,
        videos: Sequence[str],
        frame_stride: int,
        hold_out: str,
        scene_length: int,
        gap: int,
        test_only: Sequence[str],
        **common,
    ):
        if frame_stride < 1:
            raise UserError(
                f"--config.data.video_frames.frame_stride={frame_stride}: take 1 or more."
            )
        self.found, self.problems = find_videos(path, videos)
        self.classes = video_titles([file.name for file in self.found])
        self.groups = {}
        frames.check_hold_out(self.name, hold_out, scene_length, gap, test_only, self.classes)
        self.frame_stride = frame_stride
        self.holding = {
            "hold_out": hold_out,
            "scene_length": scene_length,
            "gap": gap,
            "test_only": tuple(test_only),
        }
        self.scratch = Path()
        problems = [f"{place}: {why}" for place, why in self.problems]
        files = [[os.path.realpath(file.path), file.size, file.changed_ns] for file in self.found]
        super().__init__(
            path=path,
            **common,
            shaped_by={
                "files": files,
                "problems": problems,
                "frame_stride": frame_stride,
                **self.holding,
            },
        )
        self.share = stratified.split_fractions(self.valid_fraction, self.test_fraction)

    def prepare(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="frames-", dir=self.root) as scratch:
            self.scratch = Path(scratch)
            super().prepare()

    def pictures(self) -> Mapping[str, Iterable[Example]]:
        for place, why in self.problems:
            self.broken(place, why)
        kept = [frame for label in range(len(self.classes)) for frame in self._kept(label)]
        if not kept:
            raise UserError(
                f"{self.path}: no frame is worth keeping: all of a single colour, or nothing decoded."
            )
        divided = frames.split_frames(
            [frame.label for frame in kept],
            [frame.tick for frame in kept],
            self.classes,
            self.share,
            self.split_seed,
            **self.holding,
        )
        lost = len(kept) - sum(len(members) for members in divided.values())
        if lost:
            self.remarks.append(
                f"{self.path}: {lost:,} frames so near to held-out scenes that they are left out"
            )
        return {
            split: self._pictures([kept[index] for index in members])
            for split, members in divided.items()
        }

    def group(self, name: str) -> str:
        """The video that a frame is of."""
        return name.rpartition("/")[0]

    def _kept(self, label: int) -> Iterator[KeptFrame]:
        """The frames of a video that are worth keeping, stored in `scratch`; remarks on the others."""
        title, file = self.classes[label], self.found[label]
        video, sieve = Video(file.path, self.frame_stride), FrameFilter()
        count = 0
        try:
            for tick, frame in enumerate(
                tqdm(video, f"{self.name}: {title}", unit=" frames", delay=1)
            ):
                count += 1
                if not sieve.passes(frame.pixels):
                    continue
                stored = self.scratch / f"{label}-{frame.number}.png"
                Image.fromarray(frame.pixels).save(stored, compress_level=1)
                yield KeptFrame(
                    f"{title}/f{frame.number:07d}_t{frame.seconds:08.3f}", label, tick, stored
                )
        except CorruptVideoError as error:
            self.broken(file.path, str(error))
        if video.damage:
            self.remarks.append(f"{file.path}: {video.damage}")
        if sieve.remark:
            self.remarks.append(
                f"{title}: of {count:,} frames looked at, {sieve.remark} are left out"
            )

    def _pictures(self, frames: Iterable[KeptFrame]) -> Iterator[Example]:
        for frame in frames:
            yield Example(frame.id, frame.label, frame.path)


def find_videos(
    path: str, videos: Sequence[str]
) -> tuple[list[FileEntry], tuple[tuple[Path, str], ...]]:
    """(files, problems of the listing): the file `path`, or those with a video's suffix in that folder, of them the
    ones called `videos`.

    Raises:
        UserError: nothing there, or not what was asked for.
    """
    if not path:
        raise UserError(
            "video_frames needs --config.data.path=FILE, a video, or a folder of videos."
        )
    place = Path(path).expanduser()
    if place.is_file():
        status = place.stat()
        return [FileEntry(place.name, place, status.st_size, status.st_mtime_ns)], ()
    if not place.is_dir():
        raise UserError(
            f"{path}: no such video, or folder of videos. Give one as --config.data.path=FILE."
        )
    listed = folder_listing.scan(place, VIDEO_SUFFIXES)
    there = {file.name: file for file in listed.files}
    for name in videos:
        if name not in there:
            raise unknown(f"video (--config.data.video_frames.videos) in {path}", name, there)
    found = [there[name] for name in dict.fromkeys(videos)] or list(there.values())
    if not found:
        raise UserError(
            f"{path}: holds no video ({', '.join(suffix[1:] for suffix in VIDEO_SUFFIXES)})."
        )
    return found, listed.problems


def video_titles(names: Sequence[str]) -> tuple[str, ...]:
    """What the games are called: the files' names without folder and suffix where that tells them apart."""
    short = [Path(name).stem for name in names]
    return tuple(
        name if short.count(stem) > 1 else stem for name, stem in zip(names, short, strict=True)
    )
