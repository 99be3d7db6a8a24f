"""The random player: determinism, episodes, clips, screens."""

import sys

import pytest

pytest.importorskip("ale_py")

from gv_jax.data.builders import atari_player
from gv_jax.data.builders.atari_frames import AtariFrames
from gv_jax.data.builders.atari_games import GAMES
from gv_jax.data.builders.atari_player import Player, record_frames
from gv_jax.errors import UserError


def test_the_seed_determines_the_frames():
    first, again, other = (
        [
            frame.png
            for frame in record_frames(
                "pong", {"train": 5}, frame_stride=9, seed=seed, clip_length=1
            )
        ]
        for seed in (0, 0, 1)
    )
    assert first == again != other


def test_playing_prints_nothing(capfd):
    record_frames("pong", {"train": 1}, frame_stride=9, seed=0, clip_length=1)
    assert capfd.readouterr() == ("", "")


def test_long_episodes_are_cut(monkeypatch):
    monkeypatch.setattr(atari_player, "MAX_EPISODE_FRAMES", 300)
    frames = record_frames(
        "boxing", {"train": 12, "test": 4}, frame_stride=20, seed=0, clip_length=1
    )
    assert max(frame.frame_index for frame in frames) <= 300
    assert len({frame.episode for frame in frames}) >= 3
    assert sum(frame.split == "test" for frame in frames) == 4


def test_clips_continue_through_near_duplicates():
    frames = record_frames("pong", {"train": 24}, frame_stride=1, seed=0, clip_length=6)
    indices = [frame.frame_index for frame in frames]
    starts = [index for index in indices if index - 1 not in indices]
    assert len(frames) == 24
    assert all(set(range(start, start + 6)) <= set(indices) for start in starts)
    (single,) = record_frames("pong", {"train": 1}, frame_stride=1, seed=0, clip_length=1)
    assert indices[:6] == list(range(single.frame_index, single.frame_index + 6))


@pytest.mark.slow
def test_all_screens_have_the_same_size():
    sizes = {Player(game, 0).emulator.getScreenDims() for game in GAMES}
    assert sizes == {AtariFrames.native_size}


def test_without_ale_py_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "ale_py", None)
    with pytest.raises(UserError, match=r"pip install -e '\.\[atari\]'"):
        Player("pong", 0)


@pytest.mark.filterwarnings("ignore:Rom pnog")
def test_an_unknown_game():
    with pytest.raises(UserError, match=r"'pnog'.*atari_frames.games"):
        Player("pnog", 0)
