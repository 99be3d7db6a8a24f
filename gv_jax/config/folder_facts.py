"""What a recipe depends on: the number and the size of the images of a folder."""

from dataclasses import dataclass
from pathlib import Path
from statistics import median

from gv_jax.config.default import Config
from gv_jax.data.builders import folder_listing
from gv_jax.data.builders.folder_layout import find_layout
from gv_jax.data.formats.first_frame import open_header
from gv_jax.data.formats.header import CorruptImageError

SAMPLE = 100  # images whose headers are read


@dataclass(frozen=True)
class FolderFacts:
    """Of the training images of a folder.

    Attributes:
        num_images: in training.
        num_classes: of them.
        size: median height and width of a sample of them, in pixels.
        transparent: whether some of the sample have an alpha channel.
    """

    num_images: int
    num_classes: int
    size: tuple[float, float]
    transparent: bool


def inspect_folder(folder: Path, data: Config) -> FolderFacts | None:
    """Lists the images and reads some of their headers; None if there are no class folders.

    Args:
        folder: of the user.
        data: the section config.data, whose fractions are taken from train where it is not split.
    """
    if not folder.is_dir():
        return None
    listing = folder_listing.scan(folder)
    layout = find_layout(folder, listing)
    members = layout.members.get("train") or layout.members.get("")
    if not members:
        return None
    stride = -(-len(members) // SAMPLE)
    heights, widths, num_transparent = [], [], 0
    for _, file in members[::stride]:
        try:
            with open_header(file.path) as image:
                widths.append(image.width)
                heights.append(image.height)
                num_transparent += image.has_transparency_data
        except (CorruptImageError, OSError):
            continue  # the data set reports it
    size = (median(heights), median(widths)) if heights else (64.0, 64.0)
    held_out = 0.0 if "valid" in layout.members else data.valid_fraction
    held_out += data.test_fraction if "" in layout.members else 0.0
    num_images = max(1, round((1 - held_out) * len(members)))
    return FolderFacts(num_images, len(layout.classes), size, num_transparent > 0)
