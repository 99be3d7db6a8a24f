"""What a notebook uses: commands, pages, and files with and without Colab's widgets."""

import sys
import zipfile
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType

import pytest
from IPython.core.interactiveshell import InteractiveShell

from gv_jax import notebook
from gv_jax.errors import INTERRUPTED_STATUS, UserError


@pytest.fixture
def colab(monkeypatch):
    """Stands in for google.colab.files: what it uploads, and what was downloaded."""
    files = ModuleType("google.colab.files")
    files.uploads, files.downloads = {}, []
    files.upload, files.download = lambda: files.uploads, files.downloads.append
    package = ModuleType("google.colab")
    package.files = files
    for name, module in (("google", ModuleType("google")), ("google.colab", package)):
        monkeypatch.setitem(sys.modules, name, module)
    return files


@pytest.fixture
def elsewhere(monkeypatch):
    monkeypatch.setitem(sys.modules, "google.colab", None)  # an import raises ImportError


@pytest.mark.parametrize("status", [None, 0, 1])
def test_run_returns_the_exit_status(monkeypatch, status):
    calls = []
    command = (lambda arguments: calls.append(arguments) or status, "")
    monkeypatch.setitem(notebook.COMMANDS, "train", command)
    assert notebook.run("train", Path("a b"), "--mode=summary") == (status or 0)
    assert calls == [["a b", "--mode=summary"]]


def test_an_interrupted_command_is_an_error(monkeypatch):
    monkeypatch.setitem(notebook.COMMANDS, "train", (lambda _: INTERRUPTED_STATUS, ""))
    with pytest.raises(UserError, match="interrupted"):
        notebook.run("train")


def test_a_command_sees_its_own_command_line(monkeypatch):
    seen, before = [], list(sys.argv)
    monkeypatch.setitem(notebook.COMMANDS, "train", (lambda _: seen.extend(sys.argv), ""))
    notebook.run("train", "--mode=summary")
    assert seen == ["gv-jax", "train", "--mode=summary"]
    assert sys.argv == before


def test_run_rejects_an_unknown_command():
    with pytest.raises(UserError, match=r"'trian'.*'train'"):
        notebook.run("trian")


def test_run_explains_a_full_disk(monkeypatch, tmp_path):
    def fill(_):
        raise OSError(28, "No space left on device", str(tmp_path))

    monkeypatch.setitem(notebook.COMMANDS, "train", (fill, ""))
    with pytest.raises(UserError, match=str(tmp_path)):
        notebook.run("train")


def test_a_mistake_is_one_line_in_a_notebook(capsys):
    shell = InteractiveShell()
    shell.run_cell("from gv_jax.notebook import run; run('train', '--config=none.py')")
    lines = capsys.readouterr().out.splitlines()
    assert len([line for line in lines if line.strip()]) == 1
    assert "none.py" in lines[0]


def test_a_page_is_embedded_without_scripts_and_its_links_stay_in_the_frame(tmp_path):
    page = '<!doctype html><head></head><p title="a &amp; b"><a href="#x">"50 %" é</a></p>'
    (tmp_path / "report.html").write_text(page, encoding="utf-8")
    attributes = {}

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attrs):
            if tag == "iframe":
                attributes.update(attrs)

    Reader().feed(notebook.embed_page(tmp_path / "report.html", height=321))
    base = '<base href="about:srcdoc">'
    assert attributes["srcdoc"] == page.replace("<head>", f"<head>{base}")
    assert attributes["sandbox"] == ""
    assert "321px" in attributes["style"]


def test_a_path_is_used_as_given(colab, tmp_path):
    file = tmp_path / "mine.zip"
    file.touch()
    assert notebook.choose_file(file, tmp_path / "uploads") == file
    with pytest.raises(UserError, match=r"absent\.zip"):
        notebook.choose_file(tmp_path / "absent.zip", tmp_path)


@pytest.mark.parametrize("name", ["mine.zip", "../mine.zip", "/tmp/other/mine.zip"])
def test_an_upload_is_stored_in_its_folder(colab, tmp_path, name):
    colab.uploads = {name: b"content"}
    file = notebook.choose_file("", tmp_path / "uploads")
    assert file == tmp_path / "uploads" / "mine.zip"
    assert file.read_bytes() == b"content"


def test_a_canceled_upload_is_no_file(colab, tmp_path):
    assert notebook.choose_file("", tmp_path) is None


def test_without_colab_and_path_there_is_no_file(elsewhere, tmp_path):
    assert notebook.choose_file("", tmp_path) is None


def test_a_folder_is_downloaded_as_a_zip_file(colab, tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "a.onnx").write_bytes(b"abc")
    file = notebook.download(tmp_path / "model")
    assert colab.downloads == [str(file)]
    with zipfile.ZipFile(file) as archive:
        assert archive.read("model/a.onnx") == b"abc"


def test_without_colab_a_file_stays_where_it_is(elsewhere, tmp_path):
    file = tmp_path / "a.onnx"
    file.touch()
    assert notebook.download(file) == file
