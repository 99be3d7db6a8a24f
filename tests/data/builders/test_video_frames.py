"""Frames of videos: classes, ids, scenes, dropped frames, errors."""

import io
import re

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("av")

from gv_jax.data import clips
from gv_jax.data.builders.video_frames import VideoFrames
from gv_jax.errors import UserError


def make_builder(root, path, **changes):
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


def prepare(root, path, **changes):
    builder = make_builder(root, path, **changes)
    builder.prepare()
    return builder


@pytest.fixture(scope="module")
def folder(tmp_path_factory, write_video, make_frames):
    """Two games; the second begins with black frames and ends with repetitions of a frame."""
    folder = tmp_path_factory.mktemp("videos")
    write_video(folder / "pong.mp4", make_frames(80))
    frames = make_frames(80, seed=1)
    black = np.zeros_like(frames[0])
    write_video(folder / "qbert.mkv", [black] * 10 + frames[10:70] + [frames[10]] * 10)
    (folder / "notes.txt").write_text("not a video")
    return folder


@pytest.fixture(scope="module")
def prepared(folder, tmp_path_factory):
    builder = prepare(tmp_path_factory.mktemp("data"), folder)
    return builder, {split: list(builder.examples(split)) for split in builder.info.splits}


def test_every_video_is_a_class_and_in_every_split(prepared):
    builder, splits = prepared
    assert builder.classes == ("pong", "qbert")
    assert list(splits) == ["train", "valid", "test"]
    for examples in splits.values():
        assert {label for _, label, _, _ in examples} == {0, 1}
        for image_id, label, _, _ in examples:
            assert builder.group_of(image_id) == builder.classes[label]


def test_ids_state_frame_and_time(prepared):
    _, splits = prepared
    for examples in splits.values():
        ids = [image_id for image_id, *_ in examples]
        assert all(re.fullmatch(r"(pong|qbert)/f\d{7}_t\d{4}\.\d{3}", name) for name in ids)
        assert ids == sorted(ids)
        frame_indices = [clips.parse_frame_id(image_id)[1] for image_id in ids]
        seconds = [float(image_id.rpartition("_t")[2]) for image_id in ids]
        np.testing.assert_allclose(seconds, [index / 24 for index in frame_indices], atol=0.002)
        for first, second in clips.consecutive_pairs(ids):
            assert frame_indices[second] - frame_indices[first] == 2


def test_no_frame_is_beside_one_of_another_split(prepared):
    _, splits = prepared
    split_of = {
        clips.parse_frame_id(image_id): split
        for split, examples in splits.items()
        for image_id, *_ in examples
    }
    for (clip, frame_index), split in split_of.items():
        assert split_of.get((clip, frame_index + 2), split) == split


def test_images_are_the_frames(prepared, make_frames):
    _, splits = prepared
    frames = make_frames(80)
    for image_id, label, data, _ in splits["test"]:
        if label == 0:
            image = np.asarray(Image.open(io.BytesIO(data)), float)
            errors = [np.abs(image - frame).mean() for frame in frames]
            assert np.argmin(errors) == clips.parse_frame_id(image_id)[1]


def test_dropped_frames_are_reported(prepared):
    builder, splits = prepared
    ids = [image_id for examples in splits.values() for image_id, *_ in examples]
    qbert = {clips.parse_frame_id(name)[1] for name in ids if name.startswith("qbert")}
    assert not qbert & {*range(10), *range(70, 80)}
    dropped, near = builder.warnings
    assert re.match(r"qbert: .*40 .*\b5 near-duplicates .*\b5 of a single color", dropped)
    assert re.match(rf"{builder.path}: .*\d+ frames near held-out scenes", near)
    assert not list(builder.root.glob("frames-*"))  # the temporary folder is removed


def test_test_only_games(tmp_path, folder):
    builder = prepare(tmp_path, folder, test_only=("qbert",))
    labels = {
        split: {label for _, label, _, _ in builder.examples(split)}
        for split in builder.info.splits
    }
    assert labels == {"train": {0}, "valid": {0}, "test": {1}}


def test_files_that_are_no_video_are_counted(tmp_path, folder):
    (note,) = make_builder(tmp_path, folder).notes
    assert note.startswith(f"{folder}: ")
    assert "1 .txt" in note
    assert make_builder(tmp_path, folder / "pong.mp4").notes == ()


def test_one_file_or_selected_files(tmp_path, folder):
    assert make_builder(tmp_path, folder / "pong.mp4").classes == ("pong",)
    assert make_builder(tmp_path, folder, videos=("qbert.mkv",)).classes == ("qbert",)


def test_a_truncated_video_is_used_up_to_its_end(tmp_path, write_video, make_frames):
    data = write_video(tmp_path / "whole.mkv", make_frames(120)).read_bytes()
    (tmp_path / "truncated.mkv").write_bytes(data[: len(data) // 2])
    builder = prepare(tmp_path / "data", tmp_path / "truncated.mkv")
    pattern = r"truncated\.mkv: .* of 5\.0 s; the first \d+ frames"
    assert any(re.search(pattern, line) for line in builder.warnings)
    assert sum(split.num_examples for split in builder.info.splits.values()) > 20


def test_a_file_that_is_no_video(tmp_path, write_video, make_frames):
    (tmp_path / "fake.mp4").write_text("hello")
    write_video(tmp_path / "real.mp4", make_frames(80))
    with pytest.raises(UserError, match=r"fake\.mp4: .*config\.data\.skip_broken"):
        prepare(tmp_path / "data", tmp_path)
    builder = prepare(tmp_path / "data", tmp_path, skip_broken=True)
    assert "fake.mp4: " in builder.skipped[0]


@pytest.mark.parametrize(
    ("path", "changes", "message"),
    [
        ("", {}, "config.data.path=FILE"),
        ("nowhere.mp4", {}, "nowhere.mp4: .*config.data.path=FILE"),
        (".", {}, r"^\.: .*mp4, mkv"),
        (".", {"frame_stride": 0}, "video_frames.frame_stride=0"),
    ],
)
def test_invalid_options(tmp_path, monkeypatch, path, changes, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=message):
        make_builder(tmp_path / "data", path, **changes)


def test_an_unknown_video(tmp_path, folder):
    with pytest.raises(UserError, match=r"video_frames.videos.*'pnog.mp4'.*'pong.mp4'"):
        make_builder(tmp_path, folder, videos=("pnog.mp4",))


def test_a_dangling_link(tmp_path, write_video, make_frames):
    write_video(tmp_path / "real.mp4", make_frames(80))
    (tmp_path / "gone.mp4").symlink_to(tmp_path / "nowhere.mp4")
    with pytest.raises(UserError, match=r"gone\.mp4: "):
        prepare(tmp_path / "data", tmp_path)


def test_a_blank_video(tmp_path, write_video):
    write_video(tmp_path / "blank.mp4", [np.full((48, 64, 3), 90, np.uint8)] * 30)
    with pytest.raises(UserError, match=r"blank\.mp4: "):
        prepare(tmp_path / "data", tmp_path / "blank.mp4")
