"""Which files are clips: videos, and images with more than one frame."""

from pathlib import Path

from gv_jax.data.animation import ANIMATED_SUFFIXES, PILLOW_SUFFIXES, Animation, is_animated
from gv_jax.data.formats.header import CorruptImageError
from gv_jax.data.video import Video

VIDEO_SUFFIXES = (
    *(".mp4", ".mkv", ".webm", ".avi", ".mov", ".m4v", ".mpg", ".mpeg", ".ts", ".ogv", ".flv"),
    *(".wmv", ".3gp", ".3g2", ".asf", ".divx", ".dv", ".f4v", ".m1v", ".m2ts", ".m2v", ".mts"),
    *(".mxf", ".nut", ".ogm", ".qt", ".rm", ".rmvb", ".vob", ".y4m"),
)
CLIP_SUFFIXES = (*VIDEO_SUFFIXES, *ANIMATED_SUFFIXES)


def is_clip(path: Path) -> bool:
    """Whether a file is a video by its suffix, or an image with more than one frame."""
    suffix = path.suffix.lower()
    if suffix in VIDEO_SUFFIXES:
        return True
    if suffix not in ANIMATED_SUFFIXES:
        return False
    try:
        return is_animated(path)
    except (CorruptImageError, OSError):
        return False


def open_clip(path: Path, frame_stride: int = 1) -> Video | Animation:
    """The frames of a clip; every `frame_stride`-th of them.

    Raises:
        UserError: It is a video, and PyAV is not installed.
    """
    if path.suffix.lower() in PILLOW_SUFFIXES:
        return Animation(path, frame_stride)
    return Video(path, frame_stride)
