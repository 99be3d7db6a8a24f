"""The filter of blank and repeated frames."""

import numpy as np

from gv_jax.data import frame_filter
from gv_jax.data.frame_filter import FrameFilter, is_plain


def test_plain_and_repeated_frames_are_rejected(make_frames):
    first, second = make_frames(2)
    noise = np.random.default_rng(0).normal(0, 4, first.shape)
    noisy = np.clip(first + noise, 0, 255).astype(np.uint8)
    black = np.zeros_like(first)
    frames = FrameFilter()
    accepted = [frames.accept(frame) for frame in (first, black, second, noisy, first, black + 77)]
    assert accepted == [True, False, True, False, False, False]
    assert (frames.num_duplicates, frames.num_plain) == (2, 2)
    assert frames.summary.count("2 ") == 2
    assert FrameFilter().summary == ""


def test_memory_is_bounded(make_frames, monkeypatch):
    monkeypatch.setattr(frame_filter, "WINDOW", 4)
    sequence = make_frames(13)
    frames = FrameFilter()
    assert all(frames.accept(frame) for frame in sequence)
    assert frames.previous.count + frames.current.count <= 8
    assert not any(frames.accept(frame) for frame in sequence[-4:])
    assert frames.accept(sequence[0])  # no longer remembered


def test_a_dark_scene_is_not_plain():
    night = np.full((60, 80, 3), 4, np.uint8)
    noise = np.random.default_rng(0).integers(0, 5, night.shape, dtype=np.uint8)
    assert is_plain(night + noise)
    night[20:40, 30:50] += 14
    assert not is_plain(night + noise)
