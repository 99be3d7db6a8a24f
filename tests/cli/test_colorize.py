"""`gv-jax colorize`: mistakes are one line and status 2."""

import pytest
from PIL import Image

from tests.inference.runs import write_colorization_run


@pytest.fixture(autouse=True)
def strict():
    """Orbax promotes dtypes itself."""


def test_an_image_is_colorized(command, tmp_path):
    run = write_colorization_run(tmp_path / "run")
    Image.new("RGB", (6, 5)).save(tmp_path / "a.png")
    done = command("colorize", run, tmp_path / "a.png", "--output", tmp_path / "out")
    assert done.status == 0
    assert str(tmp_path / "out") in done.out
    assert (tmp_path / "out" / "a.png").exists()


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["RUN", "a.png", "--output=out"], "RUN"),
        (["RUN", "b.mp4", "--output=out"], "RUN"),
        (["RUN", "no.png", "--output=out"], "no.png"),
        (["RUN", "a.png"], "--output"),
        (["RUN", "a.png", "--output=out", "--stedy"], "--stedy"),
    ],
)
def test_mistakes_are_one_line(words, named, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (6, 5)).save("a.png")
    (tmp_path / "b.mp4").write_bytes(b"no video")
    done = command("colorize", *words)
    assert done.status == 2
    assert named in done.err
    assert done.err.count("\n") == 1
