"""Inputs that cannot be colorized, and outputs that would overwrite something."""

import pytest
from PIL import Image

from gv_jax.errors import UserError
from gv_jax.inference.files.jobs import FileJob, plan_jobs


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "a.png"
    Image.new("RGB", (4, 4)).save(path)
    return path


@pytest.mark.parametrize(
    ("inputs", "output", "names"),
    [
        (["no.png"], "out", r"no\.png"),
        (["empty"], "out", "empty"),
        (["a.png"], ".", r"a\.png.* --output"),
        (["a.png"], "a.png", r"--output .*a\.png"),
        (["a.png", "below/a.png"], "out", r"a\.png\.png.* --output"),
    ],
)
def test_mistakes_name_the_file(tmp_path, image, inputs, output, names):
    (tmp_path / "empty").mkdir()
    (tmp_path / "below").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "below" / "a.png")
    with pytest.raises(UserError, match=names):
        plan_jobs([tmp_path / name for name in inputs], tmp_path / output)


def test_images_become_png_and_videos_keep_their_kind(tmp_path, image):
    Image.new("L", (4, 4)).save(tmp_path / "still.gif")
    frames = [Image.new("L", (4, 4), level) for level in (0, 99)]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    for name in ("film.webm", "old.avi"):
        (tmp_path / name).write_bytes(b"")
    jobs, problems = plan_jobs([tmp_path], tmp_path / "out")
    assert not problems
    assert {job.source.name: (job.target.name, job.video) for job in jobs} == {
        "a.png": ("a.png", False),
        "still.gif": ("still.png", False),
        "moving.gif": ("moving.mp4", True),
        "film.webm": ("film.webm", True),
        "old.avi": ("old.mkv", True),
    }
    assert isinstance(jobs[0], FileJob)
