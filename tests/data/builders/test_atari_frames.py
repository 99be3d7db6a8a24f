"""The recorded data set: whole episodes per split, no near-duplicates, independent games."""

import io
import re
from collections import defaultdict

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("ale_py")

from gv_jax.data.builders import atari_player
from gv_jax.data.builders.atari_frames import AtariFrames, plan_held_out_games
from gv_jax.data.builders.atari_games import GAMES, GENRES
from gv_jax.data.duplicates.index import count_differing, thumbnail
from gv_jax.errors import UserError

SPLITS = ("train", "valid", "test")


def make_builder(root, **changes):
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


def prepare(builder: AtariFrames) -> dict[str, list[tuple[str, int, bytes]]]:
    """Split -> (id, label, PNG) of its examples."""
    builder.prepare()
    return {
        split: [example[:3] for example in builder.examples(split)] for split in builder.info.splits
    }


def decode(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    return prepare(make_builder(tmp_path_factory.mktemp("atari")))


def test_every_game_is_in_every_split(recorded):
    assert set(recorded) == set(SPLITS)
    for split, count in zip(SPLITS, (12, 4, 4), strict=True):
        assert np.bincount([label for _, label, _ in recorded[split]]).tolist() == [count, count]


def test_images_are_rgb_of_native_size(recorded):
    for examples in recorded.values():
        for _, _, png in examples:
            with Image.open(io.BytesIO(png)) as image:
                assert (image.mode, image.size, image.format) == ("RGB", (160, 210), "PNG")


def test_ids_state_game_episode_and_frame_in_order(recorded):
    for examples in recorded.values():
        ids = "\n".join(image_id for image_id, _, _ in examples)
        parsed = re.findall(r"^(\w+)/e(\d{3})/f(\d{5})$", ids, re.MULTILINE)
        assert len(parsed) == len(examples)
        labels = [("pong", "breakout").index(game) for game, _, _ in parsed]
        assert labels == [label for _, label, _ in examples]
        assert parsed == sorted(parsed, key=lambda parts: (parts[0] != "pong", *parts[1:]))
        for _, _, frame_index in parsed:
            assert int(frame_index) % 9 == 0
            assert int(frame_index) >= atari_player.WARM_UP_FRAMES


def test_no_episode_is_in_two_splits(recorded):
    splits_of = defaultdict(set)
    for split, examples in recorded.items():
        for image_id, _, _ in examples:
            splits_of[image_id.rpartition("/")[0]].add(split)
    assert all(len(splits) == 1 for splits in splits_of.values())


@pytest.mark.parametrize("game", [0, 1])
def test_no_two_frames_of_a_game_are_near_duplicates(recorded, game):
    examples = [example for part in recorded.values() for example in part]
    images = [decode(png) for _, label, png in examples if label == game]
    assert len({image.tobytes() for image in images}) == 20
    cells = np.stack([thumbnail(image) for image in images])
    differing = count_differing(cells[:, None], cells[None]) + 1024 * np.eye(20, dtype=int)
    assert differing.min() >= 4


def test_frames_do_not_depend_on_the_other_games(recorded, tmp_path):
    again = prepare(make_builder(tmp_path, games=("freeway", "breakout", "pong")))
    for split in SPLITS:
        for game in ("pong", "breakout"):
            first, second = (
                [(name, png) for name, _, png in splits[split] if name.startswith(game)]
                for splits in (recorded, again)
            )
            assert first == second


def test_missing_frames_are_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(atari_player, "MAX_EPISODE_FRAMES", 240)
    monkeypatch.setattr(atari_player, "MAX_PLAY_FACTOR", 0)
    games = "pong", "boxing"
    builder = make_builder(tmp_path, games=games, frames_per_game=2000, frame_stride=1)
    splits = prepare(builder)
    counts = np.bincount([label for examples in splits.values() for _, label, _ in examples])
    for game, count, line in zip(games, counts, builder.skipped, strict=True):
        assert line.startswith(f"{game}: only {count} of 2000 frames")


def test_a_split_without_frames_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(atari_player, "MAX_EPISODE_FRAMES", 10)  # all of it warm-up
    monkeypatch.setattr(atari_player, "MAX_PLAY_FACTOR", 0)
    with pytest.raises(UserError, match=r"pong: .*'train'"):
        make_builder(tmp_path).generate()


def test_genres_hold_out_whole_games(tmp_path):
    games = (*GENRES["road"].split()[:3], *GENRES["catch"].split()[:3])
    builder = make_builder(tmp_path, games=games, label="genre", frames_per_game=3)
    assert builder.classes == ("catch", "road")
    assert builder.groups == {}
    splits_of = defaultdict(set)
    for split, examples in builder.generate().items():
        labels = set()
        for example in examples:
            game = example.id.partition("/")[0]
            assert builder.group_of(example.id) == game
            assert GAMES[game] == builder.classes[example.label]
            splits_of[game].add(split)
            labels.add(example.label)
        assert labels == {0, 1}
    assert set(splits_of) == set(games)
    assert all(len(splits) == 1 for splits in splits_of.values())


def test_test_only_games(tmp_path):
    splits = make_builder(tmp_path, frames_per_game=10, test_only=("pong",)).generate()
    counts = {
        split: np.bincount([example.label for example in examples], minlength=2).tolist()
        for split, examples in splits.items()
    }
    assert counts == {"train": [0, 8], "valid": [0, 2], "test": [10, 0]}


def test_held_out_games_follow_seed_and_fractions():
    fractions = {"train": 0.6, "valid": 0.2, "test": 0.2}
    first, again, other = (
        plan_held_out_games(tuple(GAMES), 7, fractions, seed) for seed in (0, 0, 1)
    )
    assert first == again != other
    for genre, games in GENRES.items():
        splits = [split for game in games.split() for split in first[game]]
        assert set(splits) == set(SPLITS), genre
        assert splits.count("train") >= len(splits) / 2
    assert all(sum(targets.values()) == 7 for targets in first.values())


def test_classes_and_groups_are_known_without_playing(tmp_path):
    builder = make_builder(tmp_path, games=("qbert", "enduro", "qbert"))
    assert builder.classes == ("qbert", "enduro")
    assert builder.groups == {"qbert": "platform", "enduro": "road"}
    assert make_builder(tmp_path, games=()).classes == tuple(GAMES)
    assert make_builder(tmp_path, games=(), label="genre").classes == tuple(sorted(GENRES))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"games": ("pong", "pnog")}, "atari_frames.games.*'pnog'.*'pong'"),
        ({"label": "genres"}, "atari_frames.label.*'genres'.*'genre'"),
        ({"path": "somewhere"}, "config.data.path=somewhere"),
        ({"frame_stride": 0}, "atari_frames.frame_stride=0 .* 1"),
        ({"clip_length": 0}, "atari_frames.clip_length=0 .* 1"),
        ({"frames_per_game": 2}, "atari_frames.frames_per_game=2 .* 3"),
        ({"test_only": ("qbert",)}, "atari_frames.test_only.*'qbert'"),
        ({"test_only": ("pong", "breakout")}, "atari_frames.test_only"),
        ({"test_only": ("pong",), "label": "genre"}, r"label=genre .*test_only=\['pong'\]"),
        ({"label": "genre"}, "label=genre .*'catch' .*pong, breakout.*asterix breakout"),
    ],
)
def test_invalid_options(tmp_path, changes, message):
    with pytest.raises(UserError, match=message):
        make_builder(tmp_path, **changes)
