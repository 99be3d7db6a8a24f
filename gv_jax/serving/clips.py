"""Clips that are colorized in the background, frame by frame between the other requests."""

import secrets
import shutil
import tempfile
import threading
import time
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gv_jax.data.animation import PILLOW_SUFFIXES
from gv_jax.data.clip_files import is_clip, open_clip
from gv_jax.data.formats.first_frame import open_header
from gv_jax.data.formats.header import CorruptImageError
from gv_jax.data.media import CorruptVideoError, open_media, select_video
from gv_jax.errors import UserError
from gv_jax.inference.video.video_file import MirrorWriter, output_suffix
from gv_jax.serving.limits import Limits
from gv_jax.serving.served_run import ServedRun
from gv_jax.serving.uploads import CLIP_SUFFIXES, UploadError, find_kind
from gv_jax.serving.worker import BusyError, ExpiredError, Worker

RETRY_SECONDS = 0.1  # between attempts to get a place in the queue
BUSY_SECONDS = 10
CLOSE_SECONDS = 5  # for the frame in work


@dataclass
class Clip:
    """A clip in work, or its result.

    Attributes:
        id: Random; whoever knows it may fetch the result.
        folder: Of its files.
        state: "running", "done" or "failed".
        done: Number of colorized frames.
        total: Number of frames; 0 if unknown.
        error: Why it failed.
        result: The colorized clip.
        ended: Time at which it was done or failed.
    """

    id: str
    folder: Path
    state: str = "running"
    done: int = 0
    total: int = 0
    error: str = ""
    result: Path | None = None
    ended: float = 0.0

    def describe(self) -> dict[str, Any]:
        """The progress as JSON."""
        described = {"id": self.id, "state": self.state, "done": self.done, "total": self.total}
        return described | ({"error": self.error} if self.error else {})


class Clips:
    """All clips of the server, in a temporary folder of its own.

    Args:
        worker: Colorizes the frames.
        limits: Of clips.
    """

    def __init__(self, worker: Worker, limits: Limits) -> None:
        self.worker, self.limits = worker, limits
        self.folder: Path | None = None  # made for the first clip: most servers have none
        self.clips: dict[str, Clip] = {}
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._closed = False

    def start(self, served: ServedRun, data: bytes) -> Clip | None:
        """Begins to colorize a video or an animated image.

        Returns:
            The clip; None if the file is an image with one frame, or no clip at all.

        Raises:
            UploadError: The clip is damaged or above the limits.
            BusyError: As many clips as possible are in work or kept.
        """
        suffix = CLIP_SUFFIXES.get(find_kind(data) or "")
        if suffix is None:
            return None
        folder = Path(tempfile.mkdtemp(dir=self._make_folder()))
        source = folder / f"source{suffix}"
        try:
            source.write_bytes(data)
            if not is_clip(source):
                shutil.rmtree(folder)
                return None
            total = check_clip(source, self.limits)
            clip = self._add(Clip(secrets.token_urlsafe(16), folder, total=total))
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        thread = threading.Thread(target=self._run, args=(clip, served, source), daemon=True)
        with self._lock:
            thread.start()
            self._threads = [*filter(threading.Thread.is_alive, self._threads), thread]
        return clip

    def find(self, clip_id: str) -> Clip | None:
        """The clip of an id, while it is kept."""
        with self._lock:
            self._delete_old()
            return self.clips.get(clip_id)

    def close(self) -> None:
        """Ends all work and deletes all files."""
        self._closed = True
        for thread in self._threads:  # they write into the folder
            thread.join(CLOSE_SECONDS)
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _make_folder(self) -> Path:
        with self._lock:
            if self.folder is None:
                self.folder = Path(tempfile.mkdtemp(prefix="gv_jax-clips-"))
            return self.folder

    def _add(self, clip: Clip) -> Clip:
        with self._lock:
            self._delete_old()
            if len(self.clips) >= self.limits.clips:
                ended = [other for other in self.clips.values() if other.state != "running"]
                if not ended:
                    raise BusyError(BUSY_SECONDS)
                self._delete(min(ended, key=lambda other: other.ended))
            self.clips[clip.id] = clip
        return clip

    def _delete_old(self) -> None:
        now = time.monotonic()
        for clip in list(self.clips.values()):
            if clip.state != "running" and now - clip.ended > self.limits.kept_seconds:
                self._delete(clip)

    def _delete(self, clip: Clip) -> None:
        del self.clips[clip.id]
        shutil.rmtree(clip.folder, ignore_errors=True)

    def _run(self, clip: Clip, served: ServedRun, source: Path) -> None:
        try:
            result = source.with_name(f"colorized{output_suffix(source)}")
            self._colorize(clip, served, source, result)
            clip.result, clip.state = result, "done"
        except (UserError, CorruptVideoError, CorruptImageError) as error:
            clip.error, clip.state = f"the clip {error}", "failed"
        except (ExpiredError, BusyError, FutureTimeoutError):
            seconds = self.limits.clip_seconds
            clip.error, clip.state = f"the clip took longer than {seconds:g} s", "failed"
        except Exception as error:  # FFmpeg raises many kinds
            clip.error, clip.state = (
                f"the clip cannot be colorized ({type(error).__name__})",
                "failed",
            )
        finally:
            clip.ended = time.monotonic()
            source.unlink(missing_ok=True)

    def _colorize(self, clip: Clip, served: ServedRun, source: Path, result: Path) -> None:
        deadline = time.monotonic() + self.limits.clip_seconds
        opened = open_clip(source)
        frames = iter(opened)
        frame = next(frames)
        with MirrorWriter(opened, result) as writer:
            while frame is not None:
                check_frame(frame.pixels, clip.done, self.limits)
                pixels = self._colorize_frame(served, frame.pixels, deadline)
                writer.write(frame, pixels[..., :3])
                clip.done += 1
                frame = next(frames, None)
            writer.finish(whole=not opened.damage)

    def _colorize_frame(self, served: ServedRun, pixels: np.ndarray, deadline: float) -> np.ndarray:
        """Colorizes a frame when the queue has a place, until the deadline."""
        while not self._closed:
            left = deadline - time.monotonic()
            if left <= 0:
                break
            with suppress(BusyError):
                return self.worker.submit(served.colorize, pixels, left).result(left)
            time.sleep(RETRY_SECONDS)
        raise ExpiredError


def check_clip(path: Path, limits: Limits) -> int:
    """The number of frames by the header, 0 if it does not say.

    Raises:
        UploadError: The clip is damaged, or above the limits by its header.
    """
    try:
        if path.suffix in PILLOW_SUFFIXES:
            with open_header(path) as image:
                size, frames = image.size, int(getattr(image, "n_frames", 0))
        else:
            with open_media(path) as container:
                stream = select_video(container)
                size, frames = (stream.width, stream.height), int(stream.frames)
    except (CorruptImageError, CorruptVideoError) as error:
        raise UploadError(422, f"the clip {error}") from error
    if frames > limits.frames:
        raise UploadError(413, f"the clip has {frames:,} frames: give at most {limits.frames:,}")
    if size[0] * size[1] > limits.frame_pixels:
        raise UploadError(
            413,
            f"the frames have {size[0]}x{size[1]} pixels: give at most "
            f"{limits.frame_pixels / 1e6:g} million",
        )
    return frames


def check_frame(pixels: np.ndarray, index: int, limits: Limits) -> None:
    """Raises UserError for a frame that a header did not announce."""
    if index >= limits.frames:
        raise UserError(f"has more than {limits.frames:,} frames")
    if pixels.shape[0] * pixels.shape[1] > limits.frame_pixels:
        raise UserError(f"has frames above {limits.frame_pixels / 1e6:g} million pixels")
