"""experiments/colab.ipynb: executed with a stand-in for Colab's file widgets."""

import json
import zipfile
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from PIL import Image

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "experiments" / "colab.ipynb"
FRAMES = 6  # of the uploaded clip
SIZE = (40, 32)  # height and width of its frames

# Flags of another program; no connection leaves the machine, and nothing is installed
BEFORE = """
import sys
from absl import flags

flags.DEFINE_string("config", "", "of another program")
flags.FLAGS(["x"])


def reject(event, arguments):
    if event == "socket.getaddrinfo" and arguments[0] not in (None, "localhost", "127.0.0.1"):
        raise AssertionError(f"looks up {arguments[0]}")
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        if arguments[1][0] not in ("127.0.0.1", "::1"):
            raise AssertionError(f"connects to {arguments[1]}")
    if event == "subprocess.Popen" and {"pip", "clone"} & set(map(str, arguments[1])):
        raise AssertionError(f"runs {arguments[1]}")


sys.addaudithook(reject)
"""
# Stands in for Colab's widgets, once JAX is imported, which looks for more of Colab
WIDGETS = """
import types

uploads = [{"mine.zip": open("mine.zip", "rb").read()}, {"clip.png": open("clip.png", "rb").read()}]
downloads = []
files = types.ModuleType("google.colab.files")
files.upload, files.download = lambda: uploads.pop(0), downloads.append
sys.modules["google.colab"] = types.ModuleType("google.colab")
sys.modules["google.colab"].files = files
"""


def write_uploads(folder: Path) -> None:
    """mine.zip: a zipped folder of two classes, and what must not be extracted; clip.png."""
    rng = np.random.default_rng(0)

    def square(color: int) -> np.ndarray:
        image = rng.integers(0, 60, (*SIZE, 3), dtype=np.uint8)
        top, left = rng.integers(0, 16, 2)
        image[top : top + 16, left : left + 16, color] += 180
        return image

    with zipfile.ZipFile(folder / "mine.zip", "w") as archive:
        for color, name in enumerate(("red", "green")):
            for index in range(20):
                with archive.open(f"mine/{name}/{index:02d}.png", "w") as file:
                    Image.fromarray(square(color)).save(file, "PNG")
        archive.writestr("../escaped.png", b"x")
        archive.writestr("mine/notes.txt", "x")
    frames = [Image.fromarray(square(index % 3)) for index in range(FRAMES)]
    frames[0].save(folder / "clip.png", save_all=True, append_images=frames[1:], duration=50)


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """(working directory, outputs of each code cell as one JSON text) of a small execution."""
    folder = tmp_path_factory.mktemp("colab")
    write_uploads(folder)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    new_cell = nbformat.v4.new_code_cell
    install = [cell.id for cell in notebook.cells].index("install")
    notebook.cells.insert(install + 1, new_cell(WIDGETS))
    notebook.cells.insert(0, new_cell(BEFORE))
    notebook.cells.append(new_cell("print(downloads, uploads)", id="downloads"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GV_JAX_SMALL", "1")
        patch.setenv("PYTHONPATH", str(ROOT))
        patch.setenv("PIP_NO_INDEX", "1")
        resources = {"metadata": {"path": str(folder)}}
        NotebookClient(notebook, timeout=900, resources=resources).execute()
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return folder, {cell.id: json.dumps(cell.outputs) for cell in cells}


def test_the_checkout_is_used_as_it_is(executed):
    folder, outputs = executed
    assert str(ROOT) in outputs["install"]
    assert not (folder / "gv_jax_source").exists()


def test_the_quickstart_beats_its_baseline_and_shows_its_report(executed):
    folder, outputs = executed
    run = folder / "runs" / "quickstart"
    results = json.loads((run / "results.json").read_text())
    assert results["test"]["accuracy"] > results["baseline"]["test"]["accuracy"]
    command = json.loads((run / "config.json").read_text())["command"]
    assert command[:3] == ["gv-jax", "train", f"--config={ROOT}/configs/quickstart.py"]
    assert (run / "report.html").stat().st_size > 10_000
    assert "srcdoc=" in outputs["report"]
    assert "http://" not in outputs["report"].replace("http://www.w3.org", "")


def test_new_images_are_predicted_and_explained(executed):
    _, outputs = executed
    assert outputs["predict"].count("image/png") == 2  # one per game
    assert "breakout" in outputs["predict"]
    assert "enduro" in outputs["predict"]
    assert "image/png" in outputs["nearest"]
    assert outputs["explain"].count("image/png") == 2


def test_the_uploaded_folder_is_extracted_safely_and_trained(executed):
    folder, outputs = executed
    assert "../escaped.png" in outputs["own"]
    assert not list(folder.rglob("escaped.png"))
    assert not list(folder.parent.glob("escaped.png"))
    (run,) = (folder / "runs").glob("own-*")
    results = json.loads((run / "results.json").read_text())
    assert sorted(results["classes"]) == ["green", "red"]
    assert (run / "report.html").is_file()
    assert "srcdoc=" in outputs["own"]


def test_every_frame_of_the_uploaded_clip_is_colorized(executed):
    av = pytest.importorskip("av")
    folder, outputs = executed
    (video,) = (folder / "colorized").iterdir()
    with av.open(str(video)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert [frame.shape for frame in frames] == [(*SIZE, 3)] * FRAMES
    assert "data:video/mp4;base64," in outputs["colorize"]


def test_the_export_is_downloaded_and_runs_without_the_package(executed):
    runtime = pytest.importorskip("onnxruntime")
    folder, outputs = executed
    (download,) = (folder / "exports").glob("*.zip")
    assert str(download.relative_to(folder)) in outputs["downloads"]
    with zipfile.ZipFile(download) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".onnx")]
        session = runtime.InferenceSession(archive.read(name))
    (node,) = session.get_inputs()
    images = np.zeros((3, *node.shape[1:]), np.uint8)
    (probabilities,) = session.run(None, {node.name: images})
    np.testing.assert_allclose(probabilities.sum(1), np.ones(3), rtol=1e-5)
    assert probabilities.shape == (3, 2)
