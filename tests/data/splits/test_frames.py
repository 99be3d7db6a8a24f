"""Held-out scenes and titles: fractions, gaps, errors."""

import pytest

from gv_jax.data.splits import frames as frame_splits
from gv_jax.errors import UserError

FRACTIONS = {"train": 0.8, "valid": 0.1, "test": 0.1}
SCENES = {"hold_out": "scenes", "scene_length": 20, "gap": 3}
TITLES = {"hold_out": "titles", "scene_length": 20, "gap": 3}


def make_frames(**lengths: int) -> tuple[list[int], list[int], list[str]]:
    """(titles, frame indices, classes) for the number of frames of each title."""
    titles = [label for label, length in enumerate(lengths.values()) for _ in range(length)]
    frame_indices = [index for length in lengths.values() for index in range(length)]
    return titles, frame_indices, list(lengths)


def test_scenes_stay_whole_and_apart():
    titles, frame_indices, classes = make_frames(pong=400, qbert=600)
    splits = frame_splits.split_frames(titles, frame_indices, classes, FRACTIONS, 0, **SCENES)
    split_of = {index: split for split, members in splits.items() for index in members}
    assert len(split_of) == sum(map(len, splits.values()))
    for split in ("test", "valid"):
        assert 70 <= len(splits[split]) <= 100
        assert {titles[index] for index in splits[split]} == {0, 1}
    scenes = {(titles[index], frame_indices[index] // 20) for index in splits["test"]}
    assert len(splits["test"]) == 20 * len(scenes)  # the test split keeps whole scenes
    for first, split in split_of.items():
        for second in range(first + 1, first + 4):
            if second in split_of and titles[first] == titles[second]:
                assert split_of[second] == split, "frames of two splits within the gap"
    num_dropped = 1000 - len(split_of)
    borders = sum(len({(t, s - 1), (t, s + 1)} - scenes) for t, s in scenes)
    assert 3 * borders <= num_dropped <= 6 * 2 * 10


def test_short_videos_have_ten_shorter_scenes_and_smaller_gaps():
    titles, frame_indices, classes = make_frames(short=50)
    splits = frame_splits.split_frames(titles, frame_indices, classes, FRACTIONS, 0, **SCENES)
    assert len(splits["test"]) == 5
    assert len(splits["train"]) >= 36  # scenes of 5; one frame dropped on each side of two
    held_out = splits["test"] + splits["valid"]
    near = {frame_indices[index] + step for index in held_out for step in (-1, 1)}
    assert not near & set(splits["train"])


def test_dropped_frames_count_for_the_gap():
    titles, frame_indices, classes = [0] * 100, list(range(0, 1000, 10)), ["sparse"]
    splits = frame_splits.split_frames(
        titles, frame_indices, classes, FRACTIONS, 0, hold_out="scenes", scene_length=100, gap=9
    )
    assert sum(map(len, splits.values())) == 100  # all are further apart than the gap


def test_the_seed_determines_the_split():
    titles, frame_indices, classes = make_frames(pong=400)
    first, again, other = (
        frame_splits.split_frames(titles, frame_indices, classes, FRACTIONS, seed, **SCENES)
        for seed in (0, 0, 1)
    )
    assert first["test"] == again["test"] != other["test"]


def test_whole_titles():
    titles, frame_indices, classes = make_frames(**{f"t{n}": 1 + n % 3 for n in range(60)})
    splits = frame_splits.split_frames(titles, frame_indices, classes, FRACTIONS, 0, **TITLES)
    held = {split: {titles[index] for index in members} for split, members in splits.items()}
    assert sum(map(len, held.values())) == len(set().union(*held.values())) == 60
    assert [len(splits[split]) for split in FRACTIONS] == [96, 12, 12]


@pytest.mark.parametrize("options", [SCENES, TITLES])
def test_test_only_titles_are_the_test_split(options):
    titles, frame_indices, classes = make_frames(a=100, b=100, c=100)
    splits = frame_splits.split_frames(
        titles, frame_indices, classes, FRACTIONS, 0, **options, test_only=("b",)
    )
    assert splits["test"] == list(range(100, 200))
    assert {titles[index] for index in splits["train"] + splits["valid"]} == {0, 2}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("scene", 20, 3, ()), "video_frames.hold_out.*'scene'.*'scenes'"),
        (("scenes", 0, 3, ()), "video_frames.scene_length=0"),
        (("scenes", 20, 0, ()), "video_frames.gap=0"),
        (("scenes", 20, 3, ("pnog",)), "video_frames.test_only.*'pnog'.*'pong'"),
        (("scenes", 20, 3, ("pong", "qbert")), r"video_frames.test_only=\('pong', 'qbert'\)"),
    ],
)
def test_invalid_options(options, message):
    with pytest.raises(UserError, match=message):
        frame_splits.check_hold_out("video_frames", *options, ("pong", "qbert"))


@pytest.mark.parametrize(
    ("lengths", "options", "message"),
    [
        ({"a": 9, "b": 9}, TITLES, "hold_out='titles'.* 3 .* 2"),
        ({"a": 2}, SCENES, "'a': 2 images"),
        ({"a": 3}, SCENES, "^a: .*hold_out=titles"),
    ],
)
def test_too_few_frames_or_titles(lengths, options, message):
    with pytest.raises(UserError, match=message):
        frame_splits.split_frames(*make_frames(**lengths), FRACTIONS, 0, **options)
