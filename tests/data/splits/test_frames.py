"""Held-out stretches of time: shares, gaps, whole titles."""

import pytest

from gv_jax.data.splits import frames as frame_splits
from gv_jax.errors import UserError

SHARE = {"train": 0.8, "valid": 0.1, "test": 0.1}
TOLD = {"hold_out": "scenes", "scene_length": 20, "gap": 3}


def make_frames(**lengths: int) -> tuple[list[int], list[int], list[str]]:
    """(titles, ticks, classes) of as many frames of each title."""
    titles = [label for label, length in enumerate(lengths.values()) for _ in range(length)]
    return titles, [tick for length in lengths.values() for tick in range(length)], list(lengths)


def test_scenes_stay_whole_and_apart():
    titles, ticks, classes = make_frames(pong=400, qbert=600)
    divided = frame_splits.split_frames(titles, ticks, classes, SHARE, 0, **TOLD)
    where = {index: split for split, members in divided.items() for index in members}
    assert len(where) == sum(map(len, divided.values()))
    for split, want in (("test", 100), ("valid", 100)):
        assert 0.7 * want <= len(divided[split]) <= want
        assert {titles[index] for index in divided[split]} == {0, 1}
    blocks = {(titles[index], ticks[index] // 20) for index in divided["test"]}
    assert len(divided["test"]) == 20 * len(blocks)  # the test keeps all of its scenes
    for first, split in where.items():
        for second in range(first + 1, first + 4):
            if second in where and titles[first] == titles[second]:
                assert where[second] == split, "frames of two splits within the gap"
    lost = 1000 - len(where)
    borders = sum(len({(t, b - 1), (t, b + 1)} - blocks) for t, b in blocks)
    assert 3 * borders <= lost <= 6 * 2 * 10


def test_short_videos_have_ten_shorter_scenes_and_smaller_gaps():
    titles, ticks, classes = make_frames(short=50)
    divided = frame_splits.split_frames(titles, ticks, classes, SHARE, 0, **TOLD)
    assert {split: len(members) for split, members in divided.items() if split == "test"} == {
        "test": 5
    }
    assert len(divided["train"]) >= 36  # scenes of 5, one frame lost on each side of two
    near = {tick + step for tick in divided["test"] + divided["valid"] for step in (-1, 1)}
    assert not near & set(divided["train"])


def test_frames_that_were_not_kept_count_for_the_gap():
    titles, ticks, classes = [0] * 100, list(range(0, 1000, 10)), ["sparse"]
    divided = frame_splits.split_frames(
        titles, ticks, classes, SHARE, 0, hold_out="scenes", scene_length=100, gap=9
    )
    assert sum(map(len, divided.values())) == 100  # all are further apart than the gap


def test_the_seed_decides():
    titles, ticks, classes = make_frames(pong=400)
    drawn = [
        frame_splits.split_frames(titles, ticks, classes, SHARE, seed, **TOLD)["test"]
        for seed in (0, 0, 1)
    ]
    assert drawn[0] == drawn[1] != drawn[2]


def test_whole_titles():
    titles, ticks, classes = make_frames(**{f"t{n}": 1 + n % 3 for n in range(60)})
    divided = frame_splits.split_frames(
        titles, ticks, classes, SHARE, 0, hold_out="titles", scene_length=20, gap=3
    )
    held = {split: {titles[index] for index in members} for split, members in divided.items()}
    assert sum(map(len, held.values())) == len(set().union(*held.values())) == 60
    assert [len(divided[split]) for split in SHARE] == [96, 12, 12]


@pytest.mark.parametrize("hold_out", frame_splits.HOLD_OUT)
def test_unseen_titles_are_the_test(hold_out):
    titles, ticks, classes = make_frames(a=100, b=100, c=100)
    told = {"hold_out": hold_out, "scene_length": 20, "gap": 3, "test_only": ("b",)}
    divided = frame_splits.split_frames(titles, ticks, classes, SHARE, 0, **told)
    assert divided["test"] == list(range(100, 200))
    assert {titles[index] for index in divided["train"] + divided["valid"]} == {0, 2}


@pytest.mark.parametrize(
    ("told", "message"),
    [
        (("scene_length", 20, 3, ()), "did you mean 'scenes'"),
        (("scenes", 0, 3, ()), "video_frames.scene_length=0: take 1 frame or more"),
        (("scenes", 20, 0, ()), "video_frames.gap=0"),
        (("scenes", 20, 3, ("pnog",)), "did you mean 'pong'"),
        (("scenes", 20, 3, ("pong", "qbert")), "names every title"),
    ],
)
def test_what_a_user_can_get_wrong(told, message):
    with pytest.raises(UserError, match=message):
        frame_splits.check_hold_out("video_frames", *told, ("pong", "qbert"))


def test_too_little_to_divide():
    with pytest.raises(UserError, match="2 titles are too few to hold out whole ones"):
        frame_splits.split_frames(
            *make_frames(a=9, b=9), SHARE, 0, hold_out="titles", scene_length=20, gap=3
        )
    with pytest.raises(UserError, match="'a': 2 pictures are too few"):
        frame_splits.split_frames(*make_frames(a=2), SHARE, 0, **TOLD)
    with pytest.raises(UserError, match="a: too few frames to hold out scenes"):
        frame_splits.split_frames(*make_frames(a=3), SHARE, 0, **TOLD)
