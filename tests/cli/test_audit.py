"""The command line of the audit, and what a run's report says of it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from configs import folder as folder_config
from gv_jax import experiment
from tests.data.duplicates.scenes import compress_jpeg, draw_scene


@pytest.fixture(autouse=True)
def strict():
    """Optax promotes integers itself."""


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Two classes in train and test, with one leak, one conflict and odd names."""
    root = tmp_path / "my <pictures>"
    for split, first in (("train", 0), ("valid", 30), ("test", 60)):
        for place, label in enumerate(("a b", "火")):
            (root / split / label).mkdir(parents=True)
            for number in range(8):
                draw_scene(first + 200 * place + number, (64, 48)).save(
                    root / split / label / f"{number} ü.png"
                )
    compress_jpeg(draw_scene(0, (64, 48)), 85).save(root / "test" / "a b" / "leak & copy.png")
    draw_scene(201, (64, 48)).save(root / "valid" / "a b" / "conflict.png")
    return root


def command(*words: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "gv_jax.cli.audit", *words], capture_output=True, text=True
    )


def test_audit_writes_a_page_and_json(pictures, tmp_path):
    out = tmp_path / "out"
    words = (
        f"--config=configs/folder.py:{pictures}",
        f"--config.data.root={tmp_path / 'data'}",
        f"--output={out}",
    )
    done = command(*words)
    assert done.returncode == 0, done.stderr
    assert "1 of 17 valid images and 1 of 17 test images" in done.stdout
    found = json.loads((out / "audit.json").read_text())
    assert {"kind", "files", "splits", "labels"} <= set(found["groups"][0])
    kinds = {(group["kind"], *group["files"]) for group in found["groups"]}
    assert kinds == {
        ("near", "train/a b/0 ü.png", "test/a b/leak & copy.png"),
        ("exact", "train/火/1 ü.png", "valid/a b/conflict.png"),
    }
    assert found["leaks"] == {"valid": {"exact": 1, "near": 0}, "test": {"exact": 0, "near": 1}}
    assert found["summary"]["label_conflicts"] == 1
    assert found["balance"]["train"] == {"a b": 8, "火": 8}
    page = (out / "audit.html").read_text()
    assert "leak &amp; copy.png" in page
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page)
    assert all("data:" in source for source in re.findall(r'src="(.{5})', page))


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ([], "give --config=FILE"),
        (["--config=configs/folder.py:/nowhere", "--output=x"], "no such folder"),
        (["--config=configs/quickstart.py"], "say where to write with --output=DIR"),
        (["--config=configs/quickstart.py", "--outptu=x"], "did you mean 'output'?"),
        (
            ["--config=configs/quickstart.py", "--config.data.nam=x", "--output=x"],
            "did you mean 'name'?",
        ),
        (["--config=configs/quickstart.py", "--workdir=x"], "no flag is called 'workdir'"),
    ],
)
def test_mistakes_are_one_line_and_status_2(words, answer):
    done = command(*words)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1, done.stderr
    assert answer in done.stderr


def test_help_needs_no_jax():
    script = """
import runpy, sys
sys.argv = ["audit", "--help"]
try:
    runpy.run_module("gv_jax.cli.audit", run_name="__main__")
except SystemExit:
    assert not {"jax", "numpy", "flax"} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "--output" in done.stdout


@pytest.mark.parametrize("drop", [False, True])
def test_a_run_reports_its_audit_and_drops_leaks(pictures, tmp_path, drop):
    config = folder_config.get_config(str(pictures))
    config.update_from_flattened_dict(
        {
            "data.root": str(tmp_path / "data"),
            "data.size": (16, 16),
            "data.drop_leaks": drop,
            "model.name": "two_layer",
            "model.stem": "",
            "train.batch_size": 4,
            "train.epochs": 1,
        }
    )
    run = tmp_path / "run"
    experiment.run(config, run)
    results = json.loads((run / "results.json").read_text())
    assert results["audit"]["leaks"] == {
        "valid": {"exact": 1, "near": 0},
        "test": {"exact": 0, "near": 1},
    }
    assert results["audit"]["dropped"] == (2 if drop else 0)
    assert results["train"]["count"] == (14 if drop else 16)
    said = (
        "The 2 train images concerned were left out"
        if drop
        else "--config.data.drop_leaks=True leaves the 2"
    )
    for name in ("report.html", "report.md"):
        text = (run / name).read_text()
        assert "Data audit" in text
        assert said in text
    with Image.open(run / "figures" / "duplicates.png") as image:
        assert image.width > 300
