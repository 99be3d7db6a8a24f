"""Tells folders of clips from folders of still images."""

from pathlib import Path

from gv_jax.data.builders import folder_listing
from gv_jax.data.clip_files import CLIP_SUFFIXES, VIDEO_SUFFIXES, is_clip

MAX_OPENED = 200  # images of a folder that are opened


def holds_clips(path: Path) -> bool:
    """Whether to read `path` as clips.

    True for a file, for a folder with a video at any depth, and for a folder in which most images
    are animated; of many images MAX_OPENED are opened, spread over the sorted names.
    """
    path = path.expanduser()
    if not path.is_dir():
        return path.is_file()
    files = folder_listing.scan(path, (*folder_listing.IMAGE_SUFFIXES, *CLIP_SUFFIXES)).files
    if any(file.path.suffix.lower() in VIDEO_SUFFIXES for file in files):
        return True
    opened = files[:: max(-(-len(files) // MAX_OPENED), 1)]
    return 2 * sum(is_clip(file.path) for file in opened) > len(opened)
