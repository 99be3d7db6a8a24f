"""Which pictures are frames that follow each other: their ids say so.

The last number of an id, before a time and a suffix, is the frame's; what comes before it is the clip's name:
pong/e003/f00120, zelda/f0000058_t0002.417, walk_0012.png. Ids without a number there are single pictures.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

FRAME_ID = re.compile(r"(.*?)(\d+)(?:_t\d+\.\d+)?(?:\.[A-Za-z]+)?", re.DOTALL)


def parse_frame_id(name: str) -> tuple[str, int] | None:
    """(clip, number of the frame in it) of an id."""
    match = FRAME_ID.fullmatch(name)
    return (match[1], int(match[2])) if match else None


def consecutive_pairs(ids: Sequence[str]) -> np.ndarray:
    """int64 [m 2]: indices of all pairs of frames, in order, with no other frame of their clip's source between them.

    Two frames are neighbours if their numbers differ by the least by which two of the clip do: frames 15 and 30 of a
    game that was captured every 15 frames, but not the two on either side of one that was left out.
    """
    clips: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for index, name in enumerate(ids):
        if found := parse_frame_id(name):
            clips[found[0]].append((found[1], index))
    pairs = []
    for frames in clips.values():
        frames.sort()
        steps = [later - earlier for (earlier, _), (later, _) in pairwise(frames)]
        least = min((step for step in steps if step), default=0)
        pairs += [
            (frames[index][1], frames[index + 1][1])
            for index, step in enumerate(steps)
            if least and step == least
        ]
    return np.array(pairs, np.int64).reshape(-1, 2)
