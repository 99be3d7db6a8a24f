"""Images of groups of duplicates."""

from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from gv_jax.data.audit import DuplicateGroup
from gv_jax.reporting.figures.common import save_report_figure
from gv_jax.reporting.figures.fonts import replace_missing_glyphs
from gv_jax.reporting.figures.grids import CaptionLine, image_grid
from gv_jax.reporting.figures.report_figure import ReportFigure
from gv_jax.reporting.figures.style import INK, MUTED, ORANGE, RED
from gv_jax.wording import count_noun

MAX_SHOWN_GROUPS = 8
MAX_IMAGE_PX = 256  # pixels of the longer side of an image

GetImage = Callable[[str, int], Image.Image]  # split, index -> image


def draw_duplicate_groups(
    groups: Sequence[DuplicateGroup],
    get_image: GetImage,
    file: Path,
    title: str,
    caption: str,
) -> ReportFigure:
    """Draws two representative images of each of the first groups.

    Args:
        groups: Groups of duplicates.
        get_image: Returns the image of a split at an index.
        file: The PNG file; its folder is created if missing.
        title: Title of the figure.
        caption: Caption of the figure, to which the number of groups not shown is added.
    """
    images, captions = [], []
    for group in groups[:MAX_SHOWN_GROUPS]:
        for member in representative_pair(group):
            split = group.splits[member]
            image = get_image(split, group.indices[member])
            image.thumbnail((MAX_IMAGE_PX, MAX_IMAGE_PX))
            images.append(np.asarray(image.convert("RGBA")))
            file_name = PurePosixPath(group.files[member]).name
            label, file_name = replace_missing_glyphs([group.labels[member], file_name])
            split_color = MUTED if split == "train" else ORANGE
            captions.append(
                [
                    CaptionLine(label, RED if group.conflicting else INK),
                    CaptionLine("", split_color, f"{split}: {group.kind}"),
                    CaptionLine(file_name, MUTED),
                ]
            )
    file.parent.mkdir(parents=True, exist_ok=True)
    remaining = len(groups) - MAX_SHOWN_GROUPS
    if remaining > 0:
        caption += f" {count_noun(remaining, 'more group')}."
    figure = image_grid(images, captions, columns=4)
    return save_report_figure(figure, file, "data", title, caption, photos=True)


def representative_pair(group: DuplicateGroup) -> tuple[int, int]:
    """Two members: if the group leaks, one of train and one not; if possible, of two labels."""
    pairs = [
        (first, second)
        for first in range(len(group.files))
        for second in range(first + 1, len(group.files))
    ]

    def priority(pair: tuple[int, int]) -> tuple[bool, bool]:
        first, second = pair
        leaking = (group.splits[first] == "train") != (group.splits[second] == "train")
        return leaking, group.labels[first] != group.labels[second]

    return max(pairs, key=priority)
