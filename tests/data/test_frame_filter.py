import numpy as np

from gv_jax.data import frame_filter
from gv_jax.data.frame_filter import FrameFilter, is_plain


def test_what_was_there_or_is_plain_does_not_pass(play):
    first, second = play(2)
    seen = FrameFilter()
    noisy = np.clip(first + np.random.default_rng(0).normal(0, 4, first.shape), 0, 255).astype(
        np.uint8
    )
    black = np.zeros_like(first)
    assert [seen.passes(frame) for frame in (first, black, second, noisy, first, black + 77)] == [
        True, False, True, False, False, False
    ]  # fmt: skip
    assert (seen.alike, seen.plain) == (2, 2)
    assert seen.remark == "2 nearly the same as an earlier one and 2 of a single colour"
    assert FrameFilter().remark == ""


def test_memory_is_bounded(play, monkeypatch):
    monkeypatch.setattr(frame_filter, "WINDOW", 4)
    frames = play(13)
    seen = FrameFilter()
    assert all(seen.passes(frame) for frame in frames)
    assert seen.before.count + seen.now.count <= 8
    assert not any(seen.passes(frame) for frame in frames[-4:])
    assert seen.passes(frames[0])  # long forgotten


def test_a_dark_scene_is_not_a_single_colour():
    night = np.full((60, 80, 3), 4, np.uint8)
    noise = np.random.default_rng(0).integers(0, 5, night.shape, dtype=np.uint8)
    assert is_plain(night + noise)
    night[20:40, 30:50] += 14
    assert not is_plain(night + noise)
