"""Consecutive frames, identified by their ids.

The last number of an id, before an optional time and file suffix, is the index of the frame. The
text before it is the name of the clip: pong/e003/f00120, zelda/f0000058_t0002.417, walk_0012.png.
An id without such a number is a single image.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

FRAME_ID = re.compile(r"(.*?)(\d+)(?:_t\d+\.\d+)?(?:\.[A-Za-z]+)?", re.DOTALL)


def parse_frame_id(image_id: str) -> tuple[str, int] | None:
    """(clip, frame index) of an id; None for a single image."""
    match = FRAME_ID.fullmatch(image_id)
    return (match[1], int(match[2])) if match else None


def consecutive_pairs(ids: Sequence[str]) -> np.ndarray:
    """int64 [m 2]: indices into `ids` of all pairs of consecutive frames, by clip and frame.

    The stride of a clip is the smallest difference between two of its frame indices. Two frames
    are consecutive if their indices differ by the stride: frames 15 and 30 of a game recorded with
    stride 15, but not 15 and 45 where frame 30 was dropped.
    """
    clips: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for index, image_id in enumerate(ids):
        if parsed := parse_frame_id(image_id):
            clip, frame_index = parsed
            clips[clip].append((frame_index, index))
    pairs = []
    for frames in clips.values():
        frames.sort()
        steps = [later - earlier for (earlier, _), (later, _) in pairwise(frames)]
        stride = min((step for step in steps if step), default=0)
        pairs += [
            (frames[i][1], frames[i + 1][1])
            for i, step in enumerate(steps)
            if stride and step == stride
        ]
    return np.array(pairs, np.int64).reshape(-1, 2)
