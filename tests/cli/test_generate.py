"""`gv-jax generate`: what it writes, and one line for every mistake."""

import pytest
from PIL import Image

from gv_jax.cli.generate import generate
from gv_jax.errors import UserError
from gv_jax.inference.files.png_metadata import read_metadata
from tests.inference.runs import write_generation_run, write_super_resolution_run


@pytest.fixture(autouse=True)
def strict():
    """Orbax and Optax promote dtypes themselves."""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_generation_run(tmp_path_factory.mktemp("generate") / "run")


def count_files(folder):
    return {path.name: len(list(path.iterdir())) for path in folder.iterdir() if path.is_dir()}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--class=brick", "--count=3"], {"brick": 3}),
        (["--class=brick", "--class=hero", "--count=2"], {"brick": 2, "hero": 2}),
        (["--count=2"], {"brick": 2, "hero": 2}),
        (["--class=all", "--count=8"], {"brick": 6, "hero": 2}),
        (["--class=hero", "--count=1", "--tileable", "--guidance=3", "--steps=1"], {"hero": 1}),
    ],
)
def test_images_of_the_requested_classes(run, tmp_path, capsys, options, expected):
    assert generate([str(run), *options, f"--output={tmp_path}"]) == 0
    assert count_files(tmp_path) == expected
    outcome = capsys.readouterr().out
    assert f"{sum(expected.values())} image" in outcome
    assert str(tmp_path / "contact_sheet.png") in outcome


def test_images_record_how_exactly_they_follow_layouts(tmp_path):
    run = write_generation_run(tmp_path / "run", **{"generation.layouts": 3})
    options = ["--class=hero", "--count=1", "--layout-time=0.7", f"--output={tmp_path / 'out'}"]
    assert generate([str(run), *options]) == 0
    description = read_metadata(tmp_path / "out" / "hero" / "hero_0_00000.png") or {}
    assert description["layout_time"] == 0.7


def test_a_palette_and_images_to_vary(run, tmp_path):
    source = tmp_path / "a.png"
    Image.new("RGB", (20, 20), "red").save(source)
    options = ["--class=brick", "--count=2", f"--like={source}", "--strength=0.3", "--palette=2"]
    assert generate([str(run), *options, f"--output={tmp_path / 'out'}"]) == 0
    for file in (tmp_path / "out" / "brick").iterdir():
        assert len(Image.open(file).getcolors() or []) <= 2


@pytest.mark.parametrize(
    ("options", "values"),
    [
        (["--class=brik"], ("'brik'", "'brick'")),
        (["--count=0"], ("--count",)),
        (["--count=1000001"], ("--count", "1,000,001")),
        (["--like=a.png"], ("--like", "--class")),
        (["--class=brick", "--class=hero", "--like=a.png"], ("--like", "--class")),
        (["--class=all", "--like=a.png"], ("--like", "--class")),
        (["--class=all", "--class=brick"], ("--class", "all")),
        (["--class=brick", "--strength=0.5"], ("--strength", "--like")),
        (["--seed=-1"], ("seed", "-1")),
        (["--seed=x"], ("--seed",)),
        (["--class=brick", "--like=a.png", "--strength=2"], ("strength", "2")),
        (["--guidance=-1"], ("guidance", "-1")),
        (["--layout-time=0.7"], ("layout_time", "config.generation.layouts=0")),
        (["--palette=0x"], ("0x",)),
        (["--palette=999"], ("999",)),
        (["--palette=0"], ("palette is 0",)),
    ],
)
def test_mistakes_are_named_in_one_line(run, tmp_path, options, values):
    with pytest.raises(UserError) as caught:
        generate([str(run), *options, f"--output={tmp_path / 'out'}"])
    message = str(caught.value)
    assert "\n" not in message
    assert all(value in message for value in values)
    assert not (tmp_path / "out").exists()


def test_a_run_of_another_task(tmp_path):
    run = write_super_resolution_run(tmp_path / "run")
    with pytest.raises(UserError, match=r"super_resolution.*generation"):
        generate([str(run), f"--output={tmp_path / 'out'}"])
