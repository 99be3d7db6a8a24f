"""Bounding boxes of the Simpsons data set, from annotation.txt: path,x1,y1,x2,y2,character."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from gv_jax.data.box import NO_BOX, Box, box_area, box_error


@dataclass(frozen=True)
class BoxAnnotation:
    """A bounding box and the character in it."""

    box: Box
    character: str


def read_boxes(file: Path) -> tuple[dict[str, list[BoxAnnotation]], list[str]]:
    """("character/file" -> its boxes, unchecked; "line n: reason" of invalid lines).

    Only the last two parts of a path count, as the original paths begin with ./characters/, a
    folder that does not exist. Parts are separated by / or \\.
    """
    annotations: defaultdict[str, list[BoxAnnotation]] = defaultdict(list)
    errors = []
    text = file.read_text(encoding="utf-8-sig", errors="replace")
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            path, x1, y1, x2, y2, character = (field.strip() for field in line.rsplit(",", 5))
            box = int(y1), int(x1), int(y2), int(x2)
        except ValueError:
            errors.append(f"line {number}: is not path,x1,y1,x2,y2,character: {line[:80]!r}")
            continue
        parts = PurePosixPath(path.replace("\\", "/")).parts
        annotations["/".join(parts[-2:])].append(BoxAnnotation(box, character))
    return dict(annotations), errors


def select_box(
    annotations: Sequence[BoxAnnotation], character: str, height: int, width: int
) -> tuple[Box, list[str]]:
    """(the largest valid box of the character, or NO_BOX; warnings on the other boxes).

    Args:
        annotations: the boxes of one image.
        character: class of the image.
        height, width: size of the image in pixels.
    """
    valid, warnings = [], []
    for annotation in annotations:
        top, left, bottom, right = annotation.box
        if annotation.character != character:
            reason = f"belongs to {annotation.character}"
        else:
            reason = box_error(annotation.box, height, width)
        if reason:
            warnings.append(
                f"box x {left} to {right}, y {top} to {bottom} {reason} ({width}x{height} pixels) "
                "and is ignored"
            )
        else:
            valid.append(annotation.box)
    if len(valid) > 1:
        warnings.append(f"has {len(valid)} boxes, of which the largest is used")
    return max(valid, key=box_area, default=NO_BOX), warnings
