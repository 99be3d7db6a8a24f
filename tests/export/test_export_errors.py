"""What cannot be exported is said in one line, and nothing is left behind."""

import errno
import importlib.util
import json
import shutil
import sys

import pytest

from gv_jax.cli import commands
from gv_jax.errors import UserError
from gv_jax.export import export as export_module
from gv_jax.export.export import export_run
from gv_jax.export.web import ORT_FILES, download_ort


@pytest.fixture
def run(runs, tmp_path):
    """A copy that may be damaged."""
    return shutil.copytree(runs["classification"], tmp_path / "run")


def check_refused(tmp_path, run, match, **options):
    before = sorted(tmp_path.rglob("*"))
    output = options.pop("output", tmp_path / "new" / "out")
    with pytest.raises(UserError, match=match) as caught:
        export_run(run, options.pop("format_name", "safetensors"), output, **options)
    assert "\n" not in str(caught.value)
    assert sorted(tmp_path.rglob("*")) == before


def test_no_run(tmp_path):
    (tmp_path / "folder").mkdir()
    check_refused(tmp_path, tmp_path / "nowhere", "nowhere")
    check_refused(tmp_path, tmp_path / "folder", "folder holds no finished run")


def test_files_that_only_the_page_needs(run, tmp_path):
    check_refused(tmp_path, run, "--ort-dir", ort_dir=tmp_path)


def test_an_unfinished_run(run, tmp_path):
    (run / "report.html").unlink()
    check_refused(tmp_path, run, "no finished run")


def test_a_run_of_a_newer_format(run, tmp_path):
    metadata = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps(metadata | {"format_version": 99}))
    check_refused(tmp_path, run, "format_version 99")


def test_a_run_of_an_unknown_task(run, tmp_path):
    results = json.loads((run / "results.json").read_text())
    (run / "results.json").write_text(json.dumps(results | {"task": "segmentation"}))
    check_refused(tmp_path, run, "segmentation")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of Orbax
@pytest.mark.parametrize("keep", [0, 0.5])
def test_truncated_weights(run, tmp_path, keep):
    files = [file for file in run.glob("checkpoints/**/d/*") if file.is_file()]
    assert files
    for file in files:
        content = file.read_bytes()
        file.write_bytes(content[: int(keep * len(content))])
    check_refused(tmp_path, run, "checkpoint")


def test_a_run_without_checkpoint(run, tmp_path):
    shutil.rmtree(run / "checkpoints")
    with pytest.raises(UserError, match="checkpoint"):
        export_run(run, "onnx", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", ["folder", "file", "dangling link"])
def test_an_existing_output(run, tmp_path, kind):
    output = tmp_path / "out"
    if kind == "folder":
        output.mkdir()
    elif kind == "file":
        output.write_text("mine")
    else:
        output.symlink_to(tmp_path / "nothing")
    check_refused(tmp_path, run, "out exists", output=output)


def test_an_output_inside_of_the_run(run, tmp_path):
    check_refused(tmp_path, run, "inside the run", output=run / "exported" / "out")


def test_an_output_below_a_file(run, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    check_refused(tmp_path, run, r"notes\.txt is a file", output=tmp_path / "notes.txt" / "out")


def test_a_full_disk_leaves_nothing(run, tmp_path, monkeypatch):
    def fail(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(export_module, "write_config", fail)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(OSError, match="No space left"):
        export_run(run, "safetensors", tmp_path / "new" / "deep" / "out")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("format_name", "package"),
    [("stablehlo", "flatbuffers"), ("onnx", "onnx"), ("web", "onnx")],
)
def test_a_missing_package(run, tmp_path, monkeypatch, format_name, package):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == package else find(name)
    )
    match = rf"needs {package}: pip install 'gv_jax\[export\]'"
    check_refused(tmp_path, run, match, format_name=format_name)


def test_a_folder_without_the_files_of_the_page(run, tmp_path):
    folder = tmp_path / "dist"
    folder.mkdir()
    (folder / ORT_FILES[0]).write_text("")
    match = f"dist lacks {ORT_FILES[1]}, {ORT_FILES[2]}"
    check_refused(tmp_path, run, match, format_name="web", ort_dir=folder)


def test_no_network(tmp_path):
    with pytest.raises(UserError, match=r"cannot be downloaded.*--ort-dir") as caught:
        download_ort("http://127.0.0.1:9/package.tgz")
    assert "\n" not in str(caught.value)


def test_another_package_is_not_used(tmp_path):
    (tmp_path / "package.tgz").write_bytes(b"something else")
    with pytest.raises(UserError, match="sha512"):
        download_ort((tmp_path / "package.tgz").as_uri())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere", "--format=onnx"], "nowhere"),
        (["nowhere", "--format=tflite"], "tflite"),
        (["nowhere"], "--format"),
    ],
)
def test_the_command_prints_one_line(arguments, words, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["gv-jax", "export", *arguments])
    with pytest.raises(SystemExit) as caught:
        commands.main()
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert words in error
    assert not list(tmp_path.iterdir())
