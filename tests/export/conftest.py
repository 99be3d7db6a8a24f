"""Finished runs with random weights, and how to run a program without this package."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gv_jax.evaluation.confidence import Confidence
from gv_jax.inference.stored.confidence_file import write_confidence
from tests.inference.runs import (
    write_classification_run,
    write_colorization_run,
    write_generation_run,
    write_super_resolution_run,
)

NUM_TEST_IMAGES = 50


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    """Run directories by name of their task."""
    root = tmp_path_factory.mktemp("runs")
    classes = write_classification_run(root / "classification")
    write_confidence(classes, Confidence(temperature=2.0))
    change_results(
        classes,
        tta={"flip": True, "shift": 1},
        test={"count": NUM_TEST_IMAGES, "accuracy": 0.8, "loss": 0.5},
        baseline={"name": "majority class", "test": {"accuracy": 0.4, "loss": 1.1}},
        main_split="test",
        dataset="boxes",
    )
    return {
        "classification": classes,
        "multi_label": write_classification_run(root / "labels", task="multi_label"),
        "colorization": write_colorization_run(root / "colors", **{"degrade.gray_levels": 4}),
        "super_resolution": write_super_resolution_run(root / "upscaler"),
        "generation": write_generation_run(root / "generator"),
    }


def change_results(run: Path, **values):
    """Sets fields of results.json."""
    file = run / "results.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


@pytest.fixture
def run_without_package(tmp_path):
    """A function that runs Python code in a folder, in a process that cannot import gv_jax."""
    blocked = tmp_path / "blocked"
    (blocked / "gv_jax").mkdir(parents=True)
    (blocked / "gv_jax" / "__init__.py").write_text("raise ImportError('not installed')\n")

    def run(code: str, folder: Path) -> str:
        environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(blocked), "HOME": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
