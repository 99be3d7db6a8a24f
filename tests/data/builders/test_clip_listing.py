"""Which folders are read as clips, and clips that are too short."""

import re
import shutil

import pytest
from PIL import Image

from gv_jax.cli.flags import load_config
from gv_jax.data.builders.clip_listing import holds_clips
from gv_jax.data.builders.video_frames import VideoFrames, find_videos
from gv_jax.errors import UserError
from tests.inference.clip_writing import squares

pytest.importorskip("av")


def save_animation(path, count=3):
    images = [Image.fromarray(pixels) for pixels in squares(count)]
    path.parent.mkdir(parents=True, exist_ok=True)
    images[0].save(path, save_all=True, append_images=images[1:], duration=50)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["clip.ts"], True),
        (["game/deep/clip.M2TS", "a.png"], True),
        (["a.gif", "b.webp", "c.png"], True),
        (["still.png", "still.gif"], False),
        (["a.gif", "still.png", "still2.png"], False),
    ],
)
def test_folders_of_clips(names, expected, tmp_path):
    for name in names:
        path = tmp_path / name
        if name.startswith("still"):
            Image.fromarray(squares(1)[0]).save(path)
        elif name.lower().endswith("ts"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"")
        else:
            save_animation(path)
    assert holds_clips(tmp_path) is expected
    config = load_config(f"configs/colorize.py:{tmp_path}", {})
    assert config.data.name == ("video_frames" if expected else "frames_folder")


def test_still_images_are_no_videos(tmp_path):
    for name in ("b.gif", "deep/c.webp", "d.png"):
        save_animation(tmp_path / name)
    Image.fromarray(squares(1)[0]).save(tmp_path / "still.png")
    (tmp_path / "notes.txt").touch()
    files, problems, left_out = find_videos(str(tmp_path), ())
    assert [file.name for file in files] == ["b.gif", "d.png", "deep/c.webp"]
    assert not problems
    assert left_out == {".png": 1, ".txt": 1}
    assert find_videos(str(tmp_path), ("b.gif",))[2] == {}  # the others are not selected


def prepare(tmp_path, path, frame_stride):
    builder = VideoFrames(
        root=tmp_path / "data",
        path=str(path),
        skip_broken=False,
        valid_fraction=0.1,
        test_fraction=0.1,
        split_seed=0,
        videos=(),
        frame_stride=frame_stride,
        hold_out="scenes",
        scene_length=50,
        gap=5,
        test_only=(),
    )
    builder.prepare()
    return builder


def test_a_short_clip_gets_a_stride_that_works(tmp_path, write_video, make_frames):
    path = write_video(tmp_path / "short.mp4", make_frames(60), rate=30)
    with pytest.raises(UserError, match=r"frame_stride=\d+ instead of 58") as caught:
        prepare(tmp_path, path, 58)
    stride = int(re.search(r"frame_stride=(\d+)", str(caught.value))[1])
    shutil.rmtree(tmp_path / "data")
    builder = prepare(tmp_path, path, stride)
    assert set(builder.info.splits) == {"train", "valid", "test"}


def test_frames_of_an_animation_are_samples(tmp_path):
    save_animation(tmp_path / "game.webp", count=60)
    builder = prepare(tmp_path, tmp_path / "game.webp", 1)
    ids = [name for split in builder.info.splits for name, *_ in builder.examples(split)]
    assert len(ids) > 30
    assert all(name.startswith("game/f") for name in ids)
