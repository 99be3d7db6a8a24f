import pytest

from gv_jax.data.clips import consecutive_pairs, parse_frame_id


@pytest.mark.parametrize(
    ("image_id", "expected"),
    [
        ("pong/e003/f00120", ("pong/e003/f", 120)),
        ("zelda 2/f0000058_t0002.417", ("zelda 2/f", 58)),
        ("game/walk_0012.png", ("game/walk_", 12)),
        ("7.jpg", ("", 7)),
        ("Sonic 2 (Europe).png", None),
        ("title (v1.1).png", None),
        ("title", None),
    ],
)
def test_parse_frame_id(image_id, expected):
    assert parse_frame_id(image_id) == expected


def test_consecutive_frames_differ_by_the_stride_of_their_clip():
    ids = ["b/f30", "a/f15", "a/f00", "a/f45", "b/f10", "single", "b/f20", "a/f60", "c/f5"]
    # of a: 0-15 and 45-60, but not 15-45; of b: 10-20-30; c has one frame
    assert consecutive_pairs(ids).tolist() == [[4, 6], [6, 0], [2, 1], [3, 7]]
    assert consecutive_pairs(["x", "y"]).shape == (0, 2)
