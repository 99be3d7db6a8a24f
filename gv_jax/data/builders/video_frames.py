"""Frames of the user's videos; every video is a game."""

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import tensorflow_datasets as tfds
from PIL import Image
from tqdm import tqdm

from gv_jax.data.builders import folder_listing
from gv_jax.data.builders.base import Example, ImageBuilder
from gv_jax.data.builders.file_list import FileEntry
from gv_jax.data.clip_files import CLIP_SUFFIXES, is_clip, open_clip
from gv_jax.data.frame_filter import FrameFilter
from gv_jax.data.media import CorruptVideoError
from gv_jax.data.splits import frames as frame_splits
from gv_jax.data.splits import stratified
from gv_jax.errors import UserError, unknown

FRAME_LOSSES = ("HDR", "more than 8 bits per channel", "interlacing", "transparency")


@dataclass(frozen=True)
class KeptFrame:
    """A frame stored as PNG at `path`; frame_index: position among the samples of its video."""

    id: str
    label: int
    frame_index: int
    path: Path


class VideoFrames(ImageBuilder, skip_registration=True):
    """RGB frames of the video `path`, or of all videos below the folder; classes are videos.

    Animated GIF, WebP, PNG and AVIF files are videos too; still images are left out.

    Every `frame_stride`-th frame is a sample. Samples of a single color and near-duplicates of an
    earlier sample are dropped (`FrameFilter`). The id "zelda/f0000058_t0002.417" is frame 58 at
    2.417 s; ids that differ by `frame_stride` are consecutive. A damaged video gives the frames
    before the damage and a warning. One frame is in memory at a time; kept frames wait below `root`
    until the split is known.

    Args:
        path: a video or a folder of videos.
        videos: names of files in the folder, with / between their parts; () for all.
        frame_stride: frames from one sample to the next.
        hold_out, scene_length, gap, test_only: as in `splits.frames.split_frames`, in samples; the
            titles are the classes.
        common: the other arguments of ImageBuilder.

    Raises:
        UserError: no such file or folder, no video in it, or an invalid option. `prepare()` raises
            it if there are too few frames for the splits.
    """

    name = "video_frames"
    VERSION = tfds.core.Version("1.1.0")

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
                f"--config.data.video_frames.frame_stride={frame_stride} must be at least 1."
            )
        self.files, self.problems, left_out = find_videos(path, videos)
        self.notes = tuple(folder_listing.describe_left_out(path, left_out))
        self.classes = video_titles([file.name for file in self.files])
        self.groups = {}
        frame_splits.check_hold_out(self.name, hold_out, scene_length, gap, test_only, self.classes)
        self.frame_stride = frame_stride
        self.split_options = {
            "hold_out": hold_out,
            "scene_length": scene_length,
            "gap": gap,
            "test_only": tuple(test_only),
        }
        self.scratch = Path()
        self.lengths = [0] * len(self.files)  # frames of each video, up to the last sample
        fingerprint_fields = {
            "files": folder_listing.files_digest(self.files, common["root"]),
            "problems": [f"{file}: {reason}" for file, reason in self.problems],
            "frame_stride": frame_stride,
            **self.split_options,
        }
        super().__init__(path=path, **common, fingerprint_fields=fingerprint_fields)
        self.fractions = stratified.split_fractions(self.valid_fraction, self.test_fraction)

    def prepare(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="frames-", dir=self.root) as scratch:
            self.scratch = Path(scratch)
            super().prepare()

    def generate(self) -> Mapping[str, Iterable[Example]]:
        for path, reason in self.problems:
            self.skip_or_raise(path, reason)
        frames = [
            frame for label in range(len(self.classes)) for frame in self._extract_frames(label)
        ]
        if not frames:
            raise UserError(
                f"{self.path}: no usable frame; all have a single color, or none can be decoded."
            )
        try:
            splits = self._split([(frame.label, frame.frame_index) for frame in frames])
        except UserError as error:
            raise UserError(f"{error}{self._suggest_stride()}") from error
        num_dropped = len(frames) - sum(len(members) for members in splits.values())
        if num_dropped:
            self.warnings.append(
                f"{self.path}: dropped {num_dropped:,} frames near held-out scenes"
            )
        return {
            split: (Example(frames[i].id, frames[i].label, frames[i].path) for i in members)
            for split, members in splits.items()
        }

    def _split(self, samples: Sequence[tuple[int, int]]) -> dict[str, list[int]]:
        """Splits (label, position among the samples of the video) as `split_frames` does."""
        return frame_splits.split_frames(
            [label for label, _ in samples],
            [position for _, position in samples],
            self.classes,
            self.fractions,
            self.split_seed,
            **self.split_options,
        )

    def _suggest_stride(self) -> str:
        """The longest of half, a quarter ... of the stride that gives enough samples; "" if none.

        It gives twice as many as needed if no sample is dropped.
        """
        stride = self.frame_stride
        while stride > 1:
            stride //= 2
            counts = [length // stride // 2 for length in self.lengths]
            try:
                self._split([(i, n) for i, count in enumerate(counts) for n in range(count)])
            except UserError:
                continue
            return (
                f" Or use more frames: --config.data.video_frames.frame_stride={stride} instead of "
                f"{self.frame_stride}."
            )
        return ""

    def group_of(self, image_id: str) -> str:
        """The video of a frame."""
        video, _, _ = image_id.rpartition("/")
        return video

    def _extract_frames(self, label: int) -> Iterator[KeptFrame]:
        """Stores the accepted frames of a video in `scratch`; adds warnings on the others."""
        title, file = self.classes[label], self.files[label]
        clip, frame_filter = open_clip(file.path, self.frame_stride), FrameFilter()
        num_samples = 0
        progress = tqdm(clip, f"{self.name}: {title}", unit=" frames", delay=1)
        try:
            for frame_index, frame in enumerate(progress):
                num_samples += 1
                self.lengths[label] = frame.index + 1
                if not frame_filter.accept(frame.pixels):
                    continue
                stored = self.scratch / f"{label}-{frame.index}.png"
                Image.fromarray(frame.pixels).save(stored, compress_level=1)
                image_id = f"{title}/f{frame.index:07d}_t{frame.seconds:08.3f}"
                yield KeptFrame(image_id, label, frame_index, stored)
        except CorruptVideoError as error:
            self.skip_or_raise(file.path, str(error))
        if clip.damage:
            self.warnings.append(f"{file.path}: {clip.damage}")
        if losses := [loss for loss in clip.losses if loss in FRAME_LOSSES]:
            self.warnings.append(f"{file.path}: frames do not preserve {', '.join(losses)}")
        if frame_filter.summary:
            self.warnings.append(
                f"{title}: of {num_samples:,} sampled frames, dropped {frame_filter.summary}"
            )


def find_videos(
    path: str, selected: Sequence[str]
) -> tuple[list[FileEntry], tuple[tuple[Path, str], ...], dict[str, int]]:
    """(video files, problems of the listing, suffix -> number of the files that are not read).

    If names are selected, no file is counted.

    Args:
        path: a file, or a folder, of which all videos and animated images are listed.
        selected: names of files in the folder; () for all.

    Raises:
        UserError: no such path, no video in it, or no video of a selected name.
    """
    if not path:
        raise UserError(
            "video_frames requires --config.data.path=FILE, a video, or a folder of videos."
        )
    source = Path(path).expanduser()
    if source.is_file():
        return [FileEntry(source.name, source)], (), {}
    if not source.is_dir():
        raise UserError(
            f"{path}: no such video or folder of videos. Give one as --config.data.path=FILE."
        )
    listing = folder_listing.scan(source, CLIP_SUFFIXES)
    by_name = {file.name: file for file in listing.files if is_clip(file.path)}
    for name in selected:
        if name not in by_name:
            raise unknown(f"video (--config.data.video_frames.videos) in {path}", name, by_name)
    files = [by_name[name] for name in dict.fromkeys(selected)] or list(by_name.values())
    if not files:
        suffixes = ", ".join(suffix[1:] for suffix in CLIP_SUFFIXES)
        raise UserError(f"{path}: contains no video or animated image ({suffixes}).")
    stills = Counter(
        folder_listing.count_suffixes(
            file.name for file in listing.files if file.name not in by_name
        )
    )
    left_out = {} if selected else dict(stills + Counter(listing.left_out))
    return files, listing.problems, left_out


def video_titles(names: Sequence[str]) -> tuple[str, ...]:
    """File names without folder and suffix; the whole name where several would be equal."""
    stems = [Path(name).stem for name in names]
    return tuple(
        name if stems.count(stem) > 1 else stem for name, stem in zip(names, stems, strict=True)
    )
