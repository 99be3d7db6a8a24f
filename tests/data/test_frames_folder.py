"""Folders of pictures: titles from names and folders, order, what is left out, what a person can get wrong."""

import re

import numpy as np
import pytest
from PIL import Image

from gv_jax.data import clips, dataset
from gv_jax.data.builders.frames_folder import FramesFolder, merge_titles, title_of
from gv_jax.errors import UserError


def told(root, path, **changes):
    return {
        "root": root,
        "path": str(path),
        "skip_broken": False,
        "valid_fraction": 0.1,
        "test_fraction": 0.1,
        "split_seed": 0,
        "title_pattern": "",
        "hold_out": "scenes",
        "scene_length": 10,
        "gap": 1,
        "test_only": (),
    } | changes


def divided(root, path, **changes):
    built = FramesFolder(**told(root, path, **changes))
    built.prepare()
    return built, {
        split: [(n, label) for n, label, *_ in built.examples(split)] for split in built.info.splits
    }


def save(folder, names, pictures):
    for name, picture in zip(names, pictures, strict=True):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(folder / name)


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("Aleste (Japan).png", "Aleste"),
        ("Sonic 2 (Europe) (Rev 1).png", "Sonic 2"),
        ("1943 (Japan).png", "1943"),
        ("Alex Kidd 3 - Curse (Unknown) (v1.1).png", "Alex Kidd 3 - Curse"),
        ("walk_0012.png", "walk"),
        ("0012.png", "FOLDER"),
        ("zelda/walk_0012.png", "zelda"),
        ("zelda/one/0012.png", "zelda"),
        ("[BIOS] Logo.png", "[BIOS] Logo"),
    ],
)
def test_titles(name, title):
    assert title_of(name, "FOLDER", None) == title


def test_names_joined_are_one_title():
    names = ["B _ C", "A", "C", "D _ A", "E", "B"]
    assert merge_titles(names) == {"A": ["A", "D _ A"], "B": ["B", "B _ C", "C"], "E": ["E"]}
    assert merge_titles(["A", "A _ B", "B", "B _ C", "C _ A"]) == {
        "A": ["A", "A _ B", "B", "B _ C", "C _ A"]
    }


def test_numbered_frames_of_games_are_held_out_by_scene(tmp_path, play):
    for seed, game in enumerate(("pong", "qbert")):
        save(tmp_path / "games" / game, [f"walk_{n}.png" for n in range(100)], play(100, seed))
    built, examples = divided(tmp_path / "data", tmp_path / "games")
    assert built.classes == ("pong", "qbert")
    where = {}
    for split, those in examples.items():
        assert {label for _, label in those} == {0, 1}
        assert all(built.group(name) == built.classes[label] for name, label in those)
        places = [clips.parse_frame_id(name) for name, _ in those]
        assert places == sorted(places)  # 2 comes before 10
        where |= dict.fromkeys(places, split)
    assert [len(examples[split]) for split in ("valid", "test")] == [20, 20]
    for (clip, number), split in where.items():
        assert where.get((clip, number + 1), split) == split


def test_pictures_of_many_titles_are_held_out_by_title(tmp_path, play):
    names = [
        f"Game {letter} ({region}).png"
        for letter in "ABCDEFGHIJKLMNOPQRST"
        for region in ("Europe", "Japan")
    ]
    pictures = play(40)
    pictures[5] = np.zeros_like(pictures[5])
    pictures[39] = pictures[0]
    save(tmp_path / "snaps", names, pictures)
    built, examples = divided(tmp_path / "data", tmp_path / "snaps", hold_out="titles")
    assert len(built.classes) == 20
    held = {split: {name[5] for name, _ in those} for split, those in examples.items()}
    assert sum(map(len, held.values())) == len(set().union(*held.values())) == 20
    assert sum(map(len, examples.values())) == 38
    expected = f"{tmp_path / 'snaps'}: 1 nearly the same as an earlier one and 1 of a single colour are left out"
    assert built.remarks == [expected]


def test_a_class_that_is_not_trained_on_is_no_leak(tmp_path, play):
    save(tmp_path / "snaps", [f"{letter} (World).png" for letter in "ABCDEFGHIJ"], play(10))
    options = told(tmp_path / "data", tmp_path / "snaps", hold_out="titles")
    shape = {
        "size": (16, 16),
        "channels": 3,
        "fit": "crop",
        "interpolation": "box",
        "background": (0, 0, 0),
    }
    found = dataset.load_split_arrays("frames_folder", **shape, drop_leaks=True, **options)
    assert {name: split.images.shape for name, split in found.splits.items()} == {
        "train": (8, 16, 16, 3), "valid": (1, 16, 16, 3), "test": (1, 16, 16, 3)
    }  # fmt: skip


def test_a_pattern_of_ones_own(tmp_path, play):
    save(
        tmp_path / "all",
        [f"s{n:02d}-{game}.png" for game in ("pong", "qbert") for n in range(40)],
        play(80),
    )
    built, examples = divided(
        tmp_path / "data", tmp_path / "all", title_pattern="-(.+)$", test_only=("qbert",)
    )
    assert built.classes == ("pong", "qbert")
    assert {split: {label for _, label in those} for split, those in examples.items()} == {
        "train": {0}, "valid": {0}, "test": {1}
    }  # fmt: skip


def test_a_broken_picture(tmp_path, play):
    save(tmp_path / "game", [f"{n}.png" for n in range(40)], play(40))
    (tmp_path / "game" / "7.png").write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"7\.png: is no picture that can be read"):
        divided(tmp_path / "data", tmp_path / "game")
    built, _ = divided(tmp_path / "data", tmp_path / "game", skip_broken=True)
    assert "7.png: is no picture" in built.skipped[0]
    assert built.classes == ("game",)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"path": ""}, "frames_folder needs --config.data.path=DIR"),
        ({"path": "nowhere"}, "nowhere: no such folder"),
        ({"path": "empty"}, "holds no picture"),
        ({"root": "pictures/data"}, "would be written inside the folder"),
        ({"title_pattern": "("}, "is no regular expression"),
        ({"title_pattern": "a"}, "needs a group (...)"),
        ({"hold_out": "title"}, "did you mean 'titles'"),
        ({"test_only": ("X",)}, "no title (--config.data.frames_folder.test_only) is called 'X'"),
    ],
)
def test_what_a_user_can_get_wrong(tmp_path, monkeypatch, play, changes, message):
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "pictures", ["A.png", "B.png"], play(2))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=re.escape(message)):
        FramesFolder(**told(**{"root": "data", "path": "pictures"} | changes))


def test_single_pictures_have_no_scenes(tmp_path, play):
    save(tmp_path / "pictures", ["A.png", "B.png"], play(2))
    with pytest.raises(
        UserError,
        match=re.escape("'A' has 1 pictures of use, too few to hold scenes of it out. Hold"),
    ):
        divided(tmp_path / "data", tmp_path / "pictures")
