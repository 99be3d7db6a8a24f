"""Frames of videos as a data set: games, ids, scenes, what is left out, what a person can get wrong."""

import io
import re

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("av")

from gv_jax.data import clips
from gv_jax.data.builders.video_frames import VideoFrames
from gv_jax.errors import UserError


def builder(root, path, **changes):
    options = {
        "root": root,
        "path": str(path),
        "skip_broken": False,
        "valid_fraction": 0.1,
        "test_fraction": 0.1,
        "split_seed": 0,
        "videos": (),
        "frame_stride": 2,
        "hold_out": "scenes",
        "scene_length": 50,
        "gap": 5,
        "test_only": (),
    }
    return VideoFrames(**options | changes)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, film, play):
    """Two games; the second begins with black frames and comes back to its first picture."""
    place = tmp_path_factory.mktemp("videos")
    film(place / "pong.mp4", play(80))
    frames = play(80, seed=1)
    film(place / "qbert.mkv", [np.zeros_like(frames[0])] * 10 + frames[10:70] + [frames[10]] * 10)
    (place / "notes.txt").write_text("not a video")
    return place


@pytest.fixture(scope="module")
def made(folder, tmp_path_factory):
    built = builder(tmp_path_factory.mktemp("data"), folder)
    built.prepare()
    return built, {split: list(built.examples(split)) for split in built.info.splits}


def test_every_video_is_a_game_and_in_every_split(made):
    built, examples = made
    assert built.classes == ("pong", "qbert")
    assert list(examples) == ["train", "valid", "test"]
    for split in examples.values():
        assert {label for _, label, _, _ in split} == {0, 1}
        assert all(built.group(name) == built.classes[label] for name, label, _, _ in split)


def test_ids_say_frame_and_time_and_give_neighbours(made):
    _, examples = made
    for split in examples.values():
        ids = [name for name, *_ in split]
        assert all(re.fullmatch(r"(pong|qbert)/f\d{7}_t\d{4}\.\d{3}", name) for name in ids)
        assert ids == sorted(ids)
        places = [clips.parse_frame_id(name) for name in ids]
        seconds = [float(name.rpartition("_t")[2]) for name in ids]
        np.testing.assert_allclose(seconds, [number / 24 for _, number in places], atol=0.002)
        for first, second in clips.consecutive_pairs(ids):
            assert places[second][1] - places[first][1] == 2


def test_no_frame_of_one_split_is_beside_one_of_another(made):
    _, examples = made
    where = {
        clips.parse_frame_id(name): split for split, those in examples.items() for name, *_ in those
    }
    for (clip, number), split in where.items():
        assert where.get((clip, number + 2), split) == split


def test_pictures_are_the_frames(made, play):
    _, examples = made
    frames = play(80)
    for name, label, data, _ in examples["test"]:
        if label == 0:
            picture = np.asarray(Image.open(io.BytesIO(data)), float)
            apart = [np.abs(picture - frame).mean() for frame in frames]
            assert np.argmin(apart) == clips.parse_frame_id(name)[1]


def test_what_is_left_out_is_said(made, folder):
    built, examples = made
    ids = [name for those in examples.values() for name, *_ in those]
    assert not any(
        name.startswith("qbert") and clips.parse_frame_id(name)[1] in (*range(10), *range(70, 80))
        for name in ids
    )
    remarks = " | ".join(built.remarks)
    assert (
        "qbert: of 40 frames looked at, 5 nearly the same as an earlier one and 5 of a single colour are left"
        in remarks
    )
    assert re.search(r"\d+ frames so near to held-out scenes that they are left out", remarks)
    assert not list(built.root.glob("frames-*"))  # nothing is left of what waited


def test_unseen_games(tmp_path, folder):
    built = builder(tmp_path, folder, test_only=("qbert",))
    built.prepare()
    labels = {
        split: {label for _, label, _, _ in built.examples(split)} for split in built.info.splits
    }
    assert labels == {"train": {0}, "valid": {0}, "test": {1}}


def test_one_file_and_some_files(tmp_path, folder):
    assert builder(tmp_path, folder / "pong.mp4").classes == ("pong",)
    assert builder(tmp_path, folder, videos=("qbert.mkv",)).classes == ("qbert",)


def test_a_damaged_video_is_used_up_to_the_damage(tmp_path, film, play):
    data = film(tmp_path / "whole.mkv", play(120)).read_bytes()
    (tmp_path / "cut.mkv").write_bytes(data[: len(data) // 2])
    built = builder(tmp_path / "data", tmp_path / "cut.mkv")
    built.prepare()
    assert any(
        re.search(r"cut\.mkv: is cut short after [\d.]+ of 5\.0 s; the \d+ frames", line)
        for line in built.remarks
    )
    assert sum(split.num_examples for split in built.info.splits.values()) > 20


def test_a_file_that_is_no_video(tmp_path, folder, film, play):
    (tmp_path / "fake.mp4").write_text("hello")
    film(tmp_path / "real.mp4", play(80))
    with pytest.raises(
        UserError, match=r"fake\.mp4: is no video that can be read \(.*\)\. Mend it"
    ):
        builder(tmp_path / "data", tmp_path).prepare()
    built = builder(tmp_path / "data", tmp_path, skip_broken=True, hold_out="scenes")
    built.prepare()
    assert "fake.mp4: is no video" in built.skipped[0]


@pytest.mark.parametrize(
    ("path", "changes", "message"),
    [
        ("", {}, "needs --config.data.path=FILE"),
        ("nowhere.mp4", {}, "nowhere.mp4: no such video"),
        (".", {}, "holds no video (mp4, mkv"),
        (".", {"frame_stride": 0}, "every=0: take 1 or more"),
    ],
)
def test_what_a_user_can_get_wrong(tmp_path, monkeypatch, path, changes, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=re.escape(message)):
        builder(tmp_path / "data", path, **changes)


def test_a_name_that_is_not_there(tmp_path, folder):
    with pytest.raises(UserError, match=re.escape("did you mean 'pong.mp4'")):
        builder(tmp_path, folder, videos=("pnog.mp4",))


def test_a_link_to_nothing(tmp_path, film, play):
    film(tmp_path / "real.mp4", play(80))
    (tmp_path / "gone.mp4").symlink_to(tmp_path / "nowhere.mp4")
    with pytest.raises(UserError, match=r"gone\.mp4: is a link to nothing"):
        builder(tmp_path / "data", tmp_path).prepare()


def test_a_blank_video_gives_nothing(tmp_path, film):
    film(tmp_path / "blank.mp4", [np.full((48, 64, 3), 90, np.uint8)] * 30)
    with pytest.raises(UserError, match="no frame is worth keeping"):
        builder(tmp_path / "data", tmp_path / "blank.mp4").prepare()
