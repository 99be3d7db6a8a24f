"""Boxes of the Simpsons set, from its annotation.txt: path,x1,y1,x2,y2,character."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from gv_jax.data.box import NO_BOX, Box, box_area, box_error


@dataclass(frozen=True)
class BoxAnnotation:
    """A box, and the character that is said to be in it."""

    box: Box
    character: str


def read_boxes(file: Path) -> tuple[dict[str, list[BoxAnnotation]], list[str]]:
    """("character/file" -> its boxes, unchecked; "line n: why" of lines that hold none).

    Of a path only the last two parts count, with / or \\ between them: in the original they all begin with
    ./characters/, where no picture is.
    """
    marks: defaultdict[str, list[BoxAnnotation]] = defaultdict(list)
    unread = []
    text = file.read_text(encoding="utf-8-sig", errors="replace")
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            path, x1, y1, x2, y2, character = (field.strip() for field in line.rsplit(",", 5))
            box = int(y1), int(x1), int(y2), int(x2)
        except ValueError:
            unread.append(f"line {number}: is no path,x1,y1,x2,y2,character: {line[:80]!r}")
            continue
        parts = PurePosixPath(path.replace("\\", "/")).parts
        marks["/".join(parts[-2:])].append(BoxAnnotation(box, character))
    return dict(marks), unread


def select_box(
    marks: Sequence[BoxAnnotation], character: str, height: int, width: int
) -> tuple[Box, list[str]]:
    """(the largest box of the character in a picture of that size, or NO_BOX; why others are not used)."""
    good, remarks = [], []
    for mark in marks:
        top, left, bottom, right = mark.box
        why = (
            f"is of {mark.character}"
            if mark.character != character
            else box_error(mark.box, height, width)
        )
        if why:
            remarks.append(
                f"box x {left} to {right}, y {top} to {bottom} {why} ({width}x{height}), and is not used"
            )
        else:
            good.append(mark.box)
    if len(good) > 1:
        remarks.append(f"{len(good)} boxes, of which the largest is used")
    return max(good, key=box_area, default=NO_BOX), remarks
