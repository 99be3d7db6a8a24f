"""The captured set: whole episodes per split, nothing twice, the same frames whatever else is played."""

import io
import re
import sys
from collections import defaultdict

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("ale_py")
from ale_py import roms

from gv_jax.data.builders import atari_player
from gv_jax.data.builders.atari_frames import AtariFrames, of_whole_games
from gv_jax.data.builders.atari_games import GAMES, GENRES
from gv_jax.data.duplicates.index import count_differing, thumbnail
from gv_jax.errors import UserError

SPLITS = ("train", "valid", "test")


def builder(root, **changes):
    options = {
        "root": root,
        "path": "",
        "skip_broken": False,
        "valid_fraction": 0.2,
        "test_fraction": 0.2,
        "split_seed": 0,
        "games": ("pong", "breakout"),
        "frames_per_game": 20,
        "frame_stride": 9,
        "seed": 0,
        "label": "game",
        "test_only": (),
        "clip_length": 1,
    }
    return AtariFrames(**options | changes)


def frames(made: AtariFrames) -> dict[str, list[tuple[str, int, bytes]]]:
    made.prepare()
    return {split: [example[:3] for example in made.examples(split)] for split in made.info.splits}


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)))


@pytest.fixture(scope="module")
def captured(tmp_path_factory):
    return frames(builder(tmp_path_factory.mktemp("atari")))


def test_every_game_is_in_every_split_in_the_shares_asked_for(captured):
    assert set(captured) == set(SPLITS)
    for split, count in zip(SPLITS, (12, 4, 4), strict=True):
        assert np.bincount([label for _, label, _ in captured[split]]).tolist() == [count, count]


def test_frames_are_native_rgb(captured):
    for examples in captured.values():
        for _, _, png in examples:
            with Image.open(io.BytesIO(png)) as image:
                assert (image.mode, image.size, image.format) == ("RGB", (160, 210), "PNG")


def test_ids_say_game_episode_frame_and_are_in_order(captured):
    for examples in captured.values():
        names = [name for name, _, _ in examples]
        parsed = re.findall(r"^(\w+)/e(\d{3})/f(\d{5})$", "\n".join(names), re.MULTILINE)
        assert len(parsed) == len(names)
        assert [label for _, label, _ in examples] == [
            ("pong", "breakout").index(game) for game, _, _ in parsed
        ]
        assert parsed == sorted(parsed, key=lambda place: (place[0] != "pong", *place[1:]))
        assert all(
            int(number) % 9 == 0 and int(number) >= atari_player.WARM_UP_FRAMES
            for _, _, number in parsed
        )


def test_no_episode_is_in_two_splits(captured):
    where = defaultdict(set)
    for split, examples in captured.items():
        for name, _, _ in examples:
            where[name.rpartition("/")[0]].add(split)
    assert all(len(splits) == 1 for splits in where.values())


def test_no_two_frames_of_a_game_are_nearly_the_same(captured):
    for label in (0, 1):
        images = [
            pixels(png) for examples in captured.values() for _, of, png in examples if of == label
        ]
        assert len({image.tobytes() for image in images}) == 20
        cells = np.stack([thumbnail(image) for image in images])
        differing = count_differing(cells[:, None], cells[None]) + 1024 * np.eye(20, dtype=int)
        assert differing.min() >= 4


def test_frames_do_not_depend_on_the_other_games(captured, tmp_path):
    again = frames(builder(tmp_path, games=("freeway", "breakout", "pong")))
    for split in SPLITS:
        for game in ("pong", "breakout"):
            first, second = (
                [(name, png) for name, _, png in made[split] if name.startswith(game)]
                for made in (captured, again)
            )
            assert first == second


def test_another_seed_plays_another_game():
    first, second = (
        atari_player.record_frames("pong", {"train": 5}, frame_stride=9, seed=seed, clip_length=1)
        for seed in (0, 1)
    )
    assert [frame.png for frame in first] != [frame.png for frame in second]


def test_playing_is_silent(capfd):
    atari_player.record_frames("pong", {"train": 1}, frame_stride=9, seed=0, clip_length=1)
    assert capfd.readouterr() == ("", "")


def test_an_episode_that_is_too_long_is_reset(monkeypatch):
    monkeypatch.setattr(atari_player, "MAX_EPISODE_FRAMES", 300)
    made = atari_player.record_frames(
        "boxing", {"train": 12, "test": 4}, frame_stride=20, seed=0, clip_length=1
    )
    assert max(frame.number for frame in made) <= 300
    assert len({frame.episode for frame in made}) >= 3
    assert sum(frame.split == "test" for frame in made) == 4


def test_fewer_frames_than_wanted_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr(atari_player, "MAX_EPISODE_FRAMES", 240)
    monkeypatch.setattr(atari_player, "MAX_PLAY_FACTOR", 0)
    made = builder(tmp_path, games=("pong", "boxing"), frames_per_game=2000, frame_stride=1)
    got = frames(made)
    counts = np.bincount([label for examples in got.values() for _, label, _ in examples])
    assert list(made.skipped) == [
        f"{game}: only {count} of 2000 frames; the others were nearly the same as these"
        for game, count in zip(("pong", "boxing"), counts, strict=True)
    ]


def test_a_game_that_gives_nothing_for_a_split_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(atari_player, "MAX_EPISODE_FRAMES", 10)  # all of it warm-up
    monkeypatch.setattr(atari_player, "MAX_PLAY_FACTOR", 0)
    with pytest.raises(UserError, match="pong: every frame for train"):
        builder(tmp_path).prepare()


def test_genres_hold_out_whole_games(tmp_path):
    games = (*GENRES["road"].split()[:3], *GENRES["catch"].split()[:3])
    made = builder(tmp_path, games=games, label="genre", frames_per_game=3)
    assert made.classes == ("catch", "road")
    assert made.groups == {}
    where = defaultdict(set)
    for split, examples in frames(made).items():
        assert {made.classes[label] for _, label, _ in examples} == {"catch", "road"}
        for name, label, _ in examples:
            game = name.partition("/")[0]
            assert GAMES[game] == made.classes[label]
            where[game].add(split)
    assert set(where) == set(games)
    assert all(len(splits) == 1 for splits in where.values())


def test_unseen_games_are_in_the_test_alone(tmp_path):
    got = frames(builder(tmp_path, frames_per_game=10, test_only=("pong",)))
    counts = {
        split: np.bincount([label for _, label, _ in got[split]], minlength=2).tolist()
        for split in got
    }
    assert counts == {"train": [0, 8], "valid": [0, 2], "test": [10, 0]}


def test_clips_go_on_where_nothing_is_new():
    made = atari_player.record_frames("pong", {"train": 24}, frame_stride=1, seed=0, clip_length=6)
    numbers = [frame.number for frame in made]
    starts = [n for n in numbers if n - 1 not in numbers]
    assert len(made) == 24
    assert all(set(range(start, start + 6)) <= set(numbers) for start in starts)
    alone = atari_player.record_frames("pong", {"train": 24}, frame_stride=1, seed=0, clip_length=1)
    assert numbers[:6] == list(range(alone[0].number, alone[0].number + 6))


def test_held_out_games_follow_the_seed_and_the_shares():
    share = {"train": 0.6, "valid": 0.2, "test": 0.2}
    drawn = [of_whole_games(tuple(GAMES), 7, share, seed) for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]
    for genre, names in GENRES.items():
        splits = [split for game in names.split() for split in drawn[0][game]]
        assert set(splits) == set(SPLITS), genre
        assert splits.count("train") >= len(splits) / 2
    assert all(sum(wanted.values()) == 7 for wanted in drawn[0].values())


def test_classes_and_groups_need_no_play(tmp_path):
    made = builder(tmp_path, games=("qbert", "enduro", "qbert"))
    assert made.classes == ("qbert", "enduro")
    assert made.groups == {"qbert": "platform", "enduro": "road"}
    assert builder(tmp_path, games=()).classes == tuple(GAMES)
    assert builder(tmp_path, games=(), label="genre").classes == tuple(sorted(GENRES))
    assert list(tmp_path.iterdir()) == []


def test_the_table():
    assert len(GAMES) >= 40
    assert len(GENRES) >= 6
    assert all(len(games.split()) >= 4 for games in GENRES.values())
    assert len(GAMES) == sum(len(games.split()) for games in GENRES.values())
    assert set(GAMES) <= set(roms.get_all_rom_ids())


def test_all_screens_are_of_one_size():
    assert {atari_player.Player(game, 0).emulator.getScreenDims() for game in GAMES} == {
        AtariFrames.native_size
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"games": ("pong", "pnog")},
            "no game of atari_frames is called 'pnog'; did you mean 'pong'",
        ),
        ({"label": "genres"}, "did you mean 'genre'"),
        ({"path": "somewhere"}, "plays its games itself: leave out --config.data.path=somewhere"),
        ({"frame_stride": 0}, "every=0: take 1 or more"),
        ({"clip_length": 0}, "clip=0: take 1 or more"),
        ({"test_only": ("qbert",)}, "no game of atari_frames (unseen) is called 'qbert'"),
        ({"test_only": ("pong", "breakout")}, "unseen names every game"),
        (
            {"test_only": ("pong",), "label": "genre"},
            "label=genre holds out games itself: leave out unseen",
        ),
        ({"frames_per_game": 2}, "frames_per_game=2: take 3 or more"),
        ({"label": "genre"}, "of 'catch' there is only pong, breakout. Add from: asterix breakout"),
    ],
)
def test_what_a_user_can_get_wrong(tmp_path, changes, message):
    with pytest.raises(UserError, match=re.escape(message)):
        builder(tmp_path, **changes)


def test_without_ale_py_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ale_py", None)
    with pytest.raises(UserError, match=re.escape("pip install -e '.[atari]'")):
        atari_player.record_frames("pong", {"train": 1}, frame_stride=1, seed=0, clip_length=1)
