"""Folders of unlabeled images: titles, order, dropped images, errors."""

import numpy as np
import pytest
from PIL import Image

from gv_jax.data import clips, dataset
from gv_jax.data.builders.frames_folder import FramesFolder, merge_titles, title_of
from gv_jax.errors import UserError


def make_options(root, path, **changes):
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


def generate(root, path, **changes):
    """(builder, split -> (id, label) of its examples)."""
    builder = FramesFolder(**make_options(root, path, **changes))
    splits = builder.generate()
    return builder, {
        split: [(example.id, example.label) for example in examples]
        for split, examples in splits.items()
    }


def save(folder, names, images):
    for name, image in zip(names, images, strict=True):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / name)


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
def test_title_of(name, title):
    assert title_of(name, "FOLDER", None) == title


def test_names_with_a_common_alias_are_one_title():
    names = ["B _ C", "A", "C", "D _ A", "E", "B"]
    assert merge_titles(names) == {"A": ["A", "D _ A"], "B": ["B", "B _ C", "C"], "E": ["E"]}
    assert merge_titles(["A", "A _ B", "B", "B _ C", "C _ A"]) == {
        "A": ["A", "A _ B", "B", "B _ C", "C _ A"]
    }


def test_numbered_frames_are_held_out_by_scene(tmp_path, make_frames):
    for seed, game in enumerate(("pong", "qbert")):
        names = [f"walk_{n}.png" for n in range(100)]
        save(tmp_path / "games" / game, names, make_frames(100, seed))
    builder, splits = generate(tmp_path / "data", tmp_path / "games")
    assert builder.classes == ("pong", "qbert")
    split_of = {}
    for split, examples in splits.items():
        assert {label for _, label in examples} == {0, 1}
        for image_id, label in examples:
            assert builder.group_of(image_id) == builder.classes[label]
        frames = [clips.parse_frame_id(image_id) for image_id, _ in examples]
        assert frames == sorted(frames)  # 2 comes before 10
        split_of |= dict.fromkeys(frames, split)
    assert [len(splits[split]) for split in ("valid", "test")] == [20, 20]
    for (clip, frame_index), split in split_of.items():
        assert split_of.get((clip, frame_index + 1), split) == split


def test_images_of_many_titles_are_held_out_by_title(tmp_path, make_frames):
    names = [
        f"Game {letter} ({region}).png"
        for letter in "ABCDEFGHIJKLMNOPQRST"
        for region in ("Europe", "Japan")
    ]
    images = make_frames(40)
    images[5] = np.zeros_like(images[5])
    images[39] = images[0]
    save(tmp_path / "snaps", names, images)
    builder, splits = generate(tmp_path / "data", tmp_path / "snaps", hold_out="titles")
    assert len(builder.classes) == 20
    titles = {split: {name[5] for name, _ in examples} for split, examples in splits.items()}
    assert sum(map(len, titles.values())) == len(set().union(*titles.values())) == 20
    assert sum(map(len, splits.values())) == 38
    (warning,) = builder.warnings
    assert warning.startswith(f"{tmp_path / 'snaps'}: ")
    assert all(text in warning for text in ("1 near-duplicates", "1 of a single color"))


def test_classes_without_training_images_are_no_leak(tmp_path, make_frames):
    names = [f"{letter} (World).png" for letter in "ABCDEFGHIJ"]
    save(tmp_path / "snaps", names, make_frames(10))
    options = make_options(tmp_path / "data", tmp_path / "snaps", hold_out="titles")
    shape = {
        "size": (16, 16),
        "channels": 3,
        "resize_mode": "crop",
        "interpolation": "box",
        "background": (0, 0, 0),
    }
    data = dataset.load_split_arrays("frames_folder", **shape, drop_leaks=True, **options)
    assert {name: split.images.shape for name, split in data.splits.items()} == {
        "train": (8, 16, 16, 3), "valid": (1, 16, 16, 3), "test": (1, 16, 16, 3)
    }  # fmt: skip


def test_a_title_pattern_and_a_test_only_title(tmp_path, make_frames):
    names = [f"s{n:02d}-{game}.png" for game in ("pong", "qbert") for n in range(40)]
    save(tmp_path / "all", names, make_frames(80))
    builder, splits = generate(
        tmp_path / "data", tmp_path / "all", title_pattern="-(.+)$", test_only=("qbert",)
    )
    assert builder.classes == ("pong", "qbert")
    labels = {split: {label for _, label in examples} for split, examples in splits.items()}
    assert labels == {"train": {0}, "valid": {0}, "test": {1}}


def test_a_corrupt_image(tmp_path, make_frames):
    save(tmp_path / "game", [f"{n}.png" for n in range(40)], make_frames(40))
    (tmp_path / "game" / "7.png").write_bytes(b"not an image")
    with pytest.raises(UserError, match=r"7\.png: .*config\.data\.skip_broken"):
        generate(tmp_path / "data", tmp_path / "game")
    builder, _ = generate(tmp_path / "data", tmp_path / "game", skip_broken=True)
    assert "7.png: " in builder.skipped[0]
    assert builder.classes == ("game",)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"path": ""}, "config.data.path=DIR"),
        ({"path": "nowhere"}, "nowhere: .*config.data.path=DIR"),
        ({"path": "empty"}, "empty: .*PNG"),
        ({"root": "images/data"}, "images/data.*config.data.root=DIR"),
        ({"title_pattern": "("}, r"frames_folder.title_pattern='\('"),
        ({"title_pattern": "a"}, "frames_folder.title_pattern='a'"),
        ({"hold_out": "title"}, "frames_folder.hold_out.*'title'.*'titles'"),
        ({"test_only": ("X",)}, "frames_folder.test_only.*'X'"),
    ],
)
def test_invalid_options(tmp_path, monkeypatch, make_frames, changes, message):
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "images", ["A.png", "B.png"], make_frames(2))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=message):
        FramesFolder(**make_options(**{"root": "data", "path": "images"} | changes))


def test_single_images_have_no_scenes(tmp_path, make_frames):
    save(tmp_path / "images", ["A.png", "B.png"], make_frames(2))
    with pytest.raises(UserError, match=r"'A' has 1 .*frames_folder.hold_out=titles"):
        generate(tmp_path / "data", tmp_path / "images")
