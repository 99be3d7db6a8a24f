"""A filter of blank and repeated frames in a long sequence."""

import numpy as np

from gv_jax.data.duplicates.index import (
    MIN_CELLS,
    NearDuplicateIndex,
    count_differing,
    thumbnail,
)

# A frame is compared with the last WINDOW to 2 * WINDOW accepted frames, which take 6 MB at most.
WINDOW = 512
PLAIN_TOLERANCE = 8  # of 255: cells this close to the median color count as of that color


class FrameFilter:
    """Rejects plain frames and near-duplicates of recently accepted frames.

    A plain frame has a single color, as fades and blank screens do (`is_plain`); near-duplicates
    are those of `NearDuplicateIndex`. Frames are uint8 [h w 3].

    Attributes:
        num_plain: Rejected plain frames.
        num_duplicates: Rejected near-duplicates.
    """

    def __init__(self):
        self.previous, self.current = NearDuplicateIndex(), NearDuplicateIndex()
        self.num_plain, self.num_duplicates = 0, 0

    def accept(self, frame: np.ndarray) -> bool:
        """Whether to keep the frame; a kept frame is remembered."""
        if is_plain(frame):
            self.num_plain += 1
            return False
        if self.previous.find(frame) is not None or not self.current.add_if_new(frame):
            self.num_duplicates += 1
            return False
        if self.current.count == WINDOW:
            self.previous, self.current = self.current, NearDuplicateIndex()
        return True

    @property
    def summary(self) -> str:
        """How many frames were rejected and why; "" for none."""
        reasons = []
        if self.num_duplicates:
            reasons.append(f"{self.num_duplicates:,} near-duplicates of an earlier frame")
        if self.num_plain:
            reasons.append(f"{self.num_plain:,} of a single color")
        return " and ".join(reasons)


def is_plain(frame: np.ndarray) -> bool:
    """Whether an image uint8 [h w c] has a single color, but for compression noise.

    Fewer than MIN_CELLS cells of its thumbnail differ from the median color by more than
    PLAIN_TOLERANCE.
    """
    cells = thumbnail(frame)
    median = np.median(cells, axis=1, keepdims=True).astype(np.uint8)
    return int(count_differing(cells, median, PLAIN_TOLERANCE)) < MIN_CELLS
