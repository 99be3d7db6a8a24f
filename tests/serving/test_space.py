"""The folder of a Space: complete, without private content, and it starts."""

import json
import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from gv_jax.errors import UserError
from gv_jax.inference.run import load_run
from gv_jax.inference.stored.neighbors import (
    Neighbors,
    encode_thumbnail,
    read_neighbors,
    write_neighbors,
)
from gv_jax.serving.space import export_space
from tests.inference.runs import (
    write_classification_run,
    write_colorization_run,
    write_generation_run,
)

PRIVATE = "/home/someone/private"
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = write_classification_run(
        tmp_path_factory.mktemp("runs") / "tiles",
        **{"data.path": PRIVATE, "data.root": PRIVATE, "data.generated": PRIVATE + "/a,b"},
    )
    thumbnail = encode_thumbnail(np.full((8, 8, 3), 7, np.uint8), 8)
    size = load_run(path).embed(np.zeros((16, 24, 3), np.uint8)).shape[1]
    results = json.loads((path / "results.json").read_text())
    results |= {"warnings": [f"{PRIVATE}: left out 1 .txt"], "skipped": ["someone.gif"]}
    results["weights"] = {"source": f"{PRIVATE}/a.safetensors", "license": "mit"}
    (path / "results.json").write_text(json.dumps(results))
    features = np.eye(2, size, dtype=np.float16)
    ids = ("someone_1.png", "someone_2.png")
    write_neighbors(path, Neighbors(features, ids, ("red", "blue"), (thumbnail, thumbnail)))
    return path


def read_texts(folder):
    """The texts of a folder besides the source of the package."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in files
        if "gv_jax" not in file.relative_to(folder).parts
    }


def test_a_space_predicts_what_the_run_predicts(run, tmp_path):
    export_space([run], tmp_path / "space", images=False)
    image = np.random.default_rng(0).integers(0, 255, (20, 20, 3), dtype=np.uint8)
    copied = load_run(tmp_path / "space" / "runs" / "tiles")
    np.testing.assert_array_equal(
        copied.predict(image).probabilities, load_run(run).predict(image).probabilities
    )


def test_a_space_generates_what_the_run_generates(tmp_path):
    run = write_generation_run(tmp_path / "textures")
    export_space([run], tmp_path / "space", images=False)
    copied = load_run(tmp_path / "space" / "runs" / "textures")
    images = copied.generate("brick", 2, seed=3)
    np.testing.assert_array_equal(images, load_run(run).generate("brick", 2, seed=3))
    assert (tmp_path / "space" / "gv_jax" / "serving" / "generate.js").is_file()


def test_nothing_private_is_copied(run, tmp_path):
    export_space([run], tmp_path / "space", images=False)
    files = read_texts(tmp_path / "space")
    private = re.compile(b"someone|" + str(run.parent).encode())
    assert [name for name, data in files.items() if private.search(data)] == []
    assert not any("/state/" in name for name in files)
    weights = json.loads(files["runs/tiles/results.json"])["weights"]
    assert weights == {"source": "a.safetensors", "license": "mit"}
    neighbors = read_neighbors(tmp_path / "space" / "runs" / "tiles")
    assert neighbors is not None
    assert neighbors.thumbnails == ()
    assert neighbors.ids == ("", "")
    assert neighbors.labels == ("red", "blue")


def test_thumbnails_are_copied_on_demand(run, tmp_path):
    export_space([run], tmp_path / "space", images=True)
    neighbors = read_neighbors(tmp_path / "space" / "runs" / "tiles")
    assert neighbors is not None
    assert len(neighbors.thumbnails) == 2
    assert neighbors.ids == ("someone_1.png", "someone_2.png")


def test_the_header_and_the_requirements(run, tmp_path):
    export_space([run], tmp_path / "space", images=False)
    readme = (tmp_path / "space" / "README.md").read_text()
    header = readme.split("---\n")[1]
    assert "\nsdk: docker\n" in header
    assert "\napp_port: 7860\n" in header
    assert json.loads(re.search(r"title: (.*)", header)[1]) == "Game vision: tiles"
    requirements = (tmp_path / "space" / "requirements.txt").read_text().splitlines()
    assert {"jax", "fastapi", "uvicorn", "python-multipart"} <= {
        line.partition("==")[0] for line in requirements
    }
    assert all(re.fullmatch(r"[\w.-]+==[\w.+]+", line) for line in requirements)
    assert "USER user" in (tmp_path / "space" / "Dockerfile").read_text()


def test_runs_of_one_name(run, tmp_path):
    other = write_colorization_run(tmp_path / "tiles")
    export_space([run, other], tmp_path / "space", images=False)
    assert {path.name for path in (tmp_path / "space" / "runs").iterdir()} == {"tiles", "tiles-2"}


@pytest.mark.parametrize("place", ["full", "file", "run/inside"])
def test_folders_that_are_not_written(run, tmp_path, place):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("kept")
    (tmp_path / "file").write_text("kept")
    output = run / "inside" if place == "run/inside" else tmp_path / place
    with pytest.raises(UserError):
        export_space([run], output, images=False)
    assert (tmp_path / "full" / "x").read_text() == "kept"
    assert (tmp_path / "file").read_text() == "kept"
    assert not (run / "inside").exists()


def test_an_error_leaves_nothing(run, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("gv_jax.serving.space.copy_best_weights", fail)
    with pytest.raises(OSError, match="No space"):
        export_space([run], tmp_path / "space", images=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_space_starts_by_itself(run, tmp_path):
    export_space([run], tmp_path / "space", images=False)
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "HOST")}
    process = subprocess.Popen(
        [sys.executable, "app.py"],
        cwd=tmp_path / "space",
        env=environment | {"PORT": "0"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        address = ADDRESS.search(process.stdout.readline())[0]
        with urllib.request.urlopen(f"{address}/api/v1/runs") as response:
            assert json.load(response)["runs"][0]["name"] == "tiles"
            policy = response.headers["content-security-policy"]
        assert "frame-ancestors https://huggingface.co" in policy
        code = "import gv_jax; print(gv_jax.__file__)"
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path / "space", env=environment,
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert Path(done.stdout.strip()).parent.parent == tmp_path / "space"
    finally:
        process.terminate()
        process.communicate(timeout=20)
