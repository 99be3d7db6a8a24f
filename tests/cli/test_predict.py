"""`gv-jax predict`: predictions as text, sorted files, exit statuses and one-line mistakes."""

import csv
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import zipfile

import pytest

from gv_jax.cli import predict as predict_command
from gv_jax.inference.sorting import sort_files
from tests.inference.files.classifier import ColorClassifier
from tests.inference.files.images import snapshot, write_image
from tests.inference.runs import write_classification_run, write_super_resolution_run
from tests.inference.sorting.sorting import IMAGES, write_pack


@pytest.fixture(autouse=True)
def strict():
    """Orbax promotes dtypes itself."""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run that was not trained, without a calibration."""
    return write_classification_run(tmp_path_factory.mktemp("run") / "run")


@pytest.fixture
def pack(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return write_pack(tmp_path / "pack")


@pytest.fixture
def colors(monkeypatch):
    """Every run directory is a ColorClassifier."""
    classifier = ColorClassifier()
    load = predict_command.load

    def load_colors(options):
        with monkeypatch.context() as patch:
            patch.setattr("gv_jax.inference.run.load_run", lambda path: classifier)
            patch.setattr("gv_jax.inference.classifier.ClassifierRun", ColorClassifier)
            return load(options)

    monkeypatch.setattr(predict_command, "load", load_colors)
    return classifier


def test_predictions_of_a_run(command, run, pack):
    done = command("predict", run, "pack", "--top", 2)
    assert done.status == 0
    *lines, summary = done.out.splitlines()
    assert [line.split()[0] for line in lines] == [f"pack/{name}" for name in sorted(IMAGES)]
    for line in lines:
        assert len(re.findall(r"\d+\.\d %", line)) == 2
    assert summary.startswith("5 images")
    done = command("predict", run, f"pack/{min(IMAGES)}")
    assert done.out.splitlines()[-1].startswith("1 image: ")


def test_csv_on_the_screen(command, colors, pack):
    done = command("predict", "run", "pack", "--format", "csv", "--set", 0.9)
    rows = list(csv.DictReader(io.StringIO(done.out, newline="")))
    labels = {row["path"]: row["label"] for row in rows}
    assert labels == {f"pack/{name}": c.replace("gray", "red") for name, c in IMAGES.items()}
    assert {row["path"] for row in rows if row["uncertain"] == "yes"} == {"pack/fog.png"}
    assert {row["path"] for row in rows if row["unfamiliar"] == "yes"} == {"pack/fog.png"}
    assert all(json.loads(row["prediction_set"]) for row in rows)


def test_jsonl_in_a_file(command, colors, pack, tmp_path):
    file = tmp_path / "out" / "predictions.jsonl"
    done = command("predict", "run", "pack/**/*.png", "--format=jsonl", "--output", file)
    assert done.out == ""
    rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    assert len(rows) == len(IMAGES)
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_a_list_on_standard_input(command, colors, pack, monkeypatch):
    listed = io.TextIOWrapper(io.BytesIO(b"pack/fog.png\npack/none.png\npack/wall.png\n"))
    monkeypatch.setattr("sys.stdin", listed)
    done = command("predict", "run", "-")
    assert done.status == 1
    assert [line.split()[0] for line in done.out.splitlines()[:-1]] == [
        "pack/fog.png",
        "pack/wall.png",
    ]
    assert "none.png" in done.err


def test_unreadable_files_are_listed_last(command, colors, pack):
    (pack / "broken.png").write_bytes(b"no image")
    done = command("predict", "run", "pack")
    assert done.status == 1
    assert len(done.out.splitlines()) == len(IMAGES) + 1
    assert "pack/broken.png" in done.err.splitlines()[-1]


def test_only_unreadable_files(command, colors, pack):
    (pack / "broken.png").write_bytes(b"no image")
    done = command("predict", "run", "pack/broken.png", "--format=csv")
    assert done.status == 1
    assert "pack/broken.png" in done.err


def test_sorting_and_undoing(command, colors, pack, tmp_path):
    before = snapshot(pack)
    done = command("predict", "run", "pack", "--sort-into", "out", "--move")
    assert done.status == 0
    assert "gv-jax predict --undo out/manifest.csv" in done.out
    assert (tmp_path / "out" / "red" / "deep" / "er" / "wall.png").exists()
    done = command("predict", "--undo", "out/manifest.csv")
    assert (done.status, snapshot(pack)) == (0, before)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("words", [["--top=2"], ["--move"], ["--set=0.9"], ["run"]])
def test_undoing_takes_no_other_options(words, command, colors, pack):
    command("predict", "run", "pack", "--sort-into=out")
    before = snapshot(pack.parent)
    done = command("predict", "--undo", "out/manifest.csv", *words)
    assert (done.status, done.out) == (2, "")
    assert snapshot(pack.parent) == before


def test_undoing_lists_what_is_left(command, colors, pack, tmp_path):
    command("predict", "run", "pack", "--sort-into", "out")
    (tmp_path / "out" / "red" / "wall.png").write_bytes(b"mine")
    done = command("predict", "--undo", "out/manifest.csv")
    assert done.status == 1
    assert "out/red/wall.png" in done.out


@pytest.mark.parametrize(
    ("options", "unsure"),
    [([], 1), (["--below=0"], 0), (["--below=0.99"], 5), (["--precision=0.95"], 1)],
)
def test_uncertain_images(options, unsure, command, colors, pack, tmp_path):
    done = command("predict", "run", "pack", "--sort-into", "out", *options)
    assert done.status == 0
    assert len(list((tmp_path / "out").glob("_unsure/**/*.png"))) == unsure
    assert ("99" in done.err) == (options == ["--precision=0.95"])  # validation images


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["pack", "--sort-into=out", "--precision=0.999"], "--precision"),
        (["pack", "--sort-into=out", "--format=csv"], "--format"),
        (["pack", "--sort-into=out", "--top=2"], "--top"),
        (["pack", "--sort-into=out", "--link", "--move"], "--link"),
        (["pack", "--sort-into=pack/out"], "pack/out"),
        (["pack", "--sort-into=."], "pack"),
        (["pack", "--move"], "--move"),
        (["pack", "--below=50"], "50"),
        (["pack", "--precision=1"], "1"),
        (["pack", "--below=0.5", "--precision=0.9"], "--below"),
        (["pack", "--top=0"], "0"),
        (["pack", "--format=xml"], "xml"),
        (["pack", "--output=pack/a.csv"], "pack/a.csv"),
        (["pack/wall.png", "--output=pack/wall.png"], "pack/wall.png"),
        (["pack", "--output=pack"], "pack"),
        (["pack", "--undo=out/manifest.csv"], "--undo"),
        (["nothing"], "nothing"),
        (["empty"], "empty"),
        (["*.tga"], "*.tga"),
        ([], "run"),
    ],
)
def test_mistakes_are_one_line(words, named, command, colors, pack, tmp_path):
    (tmp_path / "empty").mkdir()
    before = snapshot(tmp_path)
    done = command("predict", "run", *words)
    assert done.status == 2
    assert named in done.err
    assert done.err.count("\n") == 1
    assert done.out == ""
    assert snapshot(tmp_path) == before


def test_runs_that_cannot_predict(command, pack, run, tmp_path):
    other = write_super_resolution_run(tmp_path / "other")
    unfinished = tmp_path / "unfinished"
    unfinished.mkdir()
    for path in (other, unfinished, tmp_path / "none", pack / "wall.png"):
        done = command("predict", path, "pack", "--sort-into", "out")
        assert done.status == 2
        assert str(path) in done.err
        assert done.err.count("\n") == 1
        assert not (tmp_path / "out").exists()


def test_an_empty_list(command, colors, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\n")))
    done = command("predict", "run", "-")
    assert (done.status, done.err.count("\n")) == (2, 1)


def test_members_of_zip_files(command, colors, pack, tmp_path):
    with zipfile.ZipFile(tmp_path / "pack.zip", "w") as archive:
        archive.write(pack / "wall.png", "deep/wall.png")
        archive.write(pack / "wall.png", "../wall.png")
    done = command("predict", "run", "pack.zip", "--sort-into", "out")
    assert done.status == 1
    assert "../wall.png" in done.err
    assert (tmp_path / "out" / "red" / "deep" / "wall.png").exists()
    assert not (tmp_path / "wall.png").exists()
    done = command("predict", "run", "pack.zip", "--sort-into", "out2", "--move")
    assert (done.status, done.err.count("\n")) == (2, 1)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_states_how_to_go_on(
    signum, command, colors, pack, tmp_path, monkeypatch, interruptible
):
    before, make_entries = snapshot(pack), sort_files.make_entries

    def interrupt(*arguments):
        os.kill(os.getpid(), signum)
        return make_entries(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(sort_files, "make_entries", interrupt)
        done = command("predict", "run", "pack", "--sort-into", "out", "--move")
    assert done.status == 130
    assert "--undo out/manifest.csv" in done.err
    assert done.err.count("\n") == 1
    assert command("predict", "run", "pack", "--sort-into", "out", "--move").status == 0
    assert command("predict", "--undo", "out/manifest.csv").status == 0
    assert snapshot(pack) == before


def test_an_interrupted_output_is_not_written(command, colors, pack, tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(colors, "predict_arrays", interrupt)
    done = command("predict", "run", "pack", "--output", "out.csv", "--format", "csv")
    assert done.status == 130
    assert not [path for path in tmp_path.iterdir() if path != pack]


def test_a_full_or_read_only_disk_is_one_line(command, colors, pack, tmp_path, monkeypatch):
    def fail(*_):
        raise PermissionError(13, "Permission denied", "out")

    monkeypatch.setattr(os, "mkdir", fail)
    done = command("predict", "run", "pack", "--sort-into", "out")
    assert (done.status, done.err.count("\n")) == (2, 1)
    assert "out" in done.err


@pytest.mark.slow
def test_a_reader_that_stops_early(run, pack):
    line = f"{sys.executable} -m gv_jax predict {run} pack | head -n 1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("pack/")
    assert "BrokenPipe" not in done.stderr


def test_images_with_other_channels_are_stated_once(command, colors, pack):
    for name in ("a.png", "b.png"):
        write_image(pack / name, "red", mode="RGBA")
    done = command("predict", "run", "pack", "--format=csv")
    assert done.status == 0
    assert [line for line in done.err.splitlines() if "channels" in line] == [
        "gv_jax: note: the run uses 3 channels; converted as in its training: 2 RGB with alpha"
    ]


@pytest.mark.slow  # a process of its own: what TensorStore leaves would disturb other tests
def test_truncated_weights_are_one_line(run, pack, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    (best,) = copy.glob("checkpoints/*/best")
    for file in best.rglob("d/*"):
        file.write_bytes(file.read_bytes()[:100])
    done = subprocess.run(
        [sys.executable, "-m", "gv_jax", "predict", copy, pack], capture_output=True, text=True
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "checkpoint" in line
    assert str(copy) in line
