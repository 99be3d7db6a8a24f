"""Which frames of a long row are worth keeping."""

import numpy as np

from gv_jax.data.duplicates.index import MIN_CELLS, NearDuplicateIndex, count_differing, thumbnail

WINDOW = (
    512  # kept frames at least that a new one is compared with, and twice as many at most: 6 MB
)
MAX_PLAIN_COLORS = (
    8  # of 255: cells that differ from the middle colour by no more are of that colour
)


class FrameFilter:
    """Lets no frame pass that is of a single colour, or nearly the same as one of the last `MEMORY` that passed.

    Nearly the same: see `duplicates.Seen`. One colour: of its 32x32 mean colours fewer than 4 differ from their median
    by more than `PLAIN`, which holds for fades and blank screens, compressed ones too. Frames are uint8 [h w 3].
    """

    def __init__(self):
        self.before, self.now = NearDuplicateIndex(), NearDuplicateIndex()
        self.plain, self.alike = 0, 0  # frames that did not pass, and why

    def passes(self, frame: np.ndarray) -> bool:
        if is_plain(frame):
            self.plain += 1
            return False
        if self.before.find(frame) is not None or not self.now.is_new(frame):
            self.alike += 1
            return False
        if self.now.count == WINDOW:
            self.before, self.now = self.now, NearDuplicateIndex()
        return True

    @property
    def remark(self) -> str:
        """What did not pass, for people; "" for nothing."""
        why = []
        if self.alike:
            why.append(f"{self.alike:,} nearly the same as an earlier one")
        if self.plain:
            why.append(f"{self.plain:,} of a single colour")
        return " and ".join(why)


def is_plain(frame: np.ndarray) -> bool:
    """Whether a picture uint8 [h w c] is of a single colour."""
    cells = thumbnail(frame)
    middle = np.median(cells, axis=1, keepdims=True).astype(np.uint8)
    return int(count_differing(cells, middle, MAX_PLAIN_COLORS)) < MIN_CELLS
