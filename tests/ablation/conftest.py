"""A finished ablation whose run directories are written by hand."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from gv_jax.ablation.study import Ablation, AblationRun

CLASSES = ["red", "green"]
CORRECT = {("plain", 0): 2, ("plain", 1): 2, ("wide", 0): 3, ("wide", 1): 4}  # of 4 test images


def write_run(run: AblationRun, correct: int) -> None:
    """Writes the files of a finished classification of 4 test images."""
    folder = run.run_dir.path
    folder.mkdir(parents=True)
    accuracy = correct / 4
    metrics = {"accuracy": accuracy, "macro_f1": accuracy / 2, "loss": 2 - accuracy}
    files = {
        "config.json": {
            "config": {
                "optimizer": {"learning_rate": 0.001},
                "train": {"batch_size": 8},
                "seed": run.seed,
            },
            "device": "1 x cpu",
        },
        "results.json": {
            "valid": metrics,
            "test": metrics,
            "baseline": {"name": "majority class", "test": {"accuracy": 0.5}},
            "timing": {"train_s": 3.0 + run.seed},
            "training": {"best_step": 7, "last_step": 14},
            "parameters": {"total": 1234},
            "classes": CLASSES,
            "confusion": [
                [correct // 2, 2 - correct // 2],
                [2 - -(-correct // 2), -(-correct // 2)],
            ],
        },
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content))
    rows = [
        {"step": epoch, "epoch": epoch, "split": split, "images_per_second": 100.0, **values}
        for epoch in (1, 2, 3)
        for split, values in (("train", {"loss": 1.0 / epoch}), ("valid", metrics))
    ]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with (folder / "predictions.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "split", "label", "predicted", "confidence"])
        for index in range(4):
            writer.writerow([index, "test", "red", CLASSES[index >= correct], 0.9])
    (folder / "report.html").write_text("finished")


@pytest.fixture
def make_ablation(tmp_path: Path) -> Callable[..., Ablation]:
    """Makes an ablation of three variants, of which "broken" failed, with two seeds each."""

    def make(**changes: object) -> Ablation:
        fields = {
            "name": "steps",
            "description": "Do larger steps help?\n\nA small test.",
            "config": "configs/quickstart.py",
            "variants": {"plain": {}, "wide": {"model.dropout": 0.5}, "broken": {"data.fold": 7}},
            "references": {"wide": "plain", "broken": "plain"},
            "seeds": 2,
            "folder": tmp_path / "steps",
        }
        ablation = Ablation(**{**fields, **changes})
        for run in ablation.runs:
            correct = CORRECT.get((run.variant, run.seed))
            if not run.run_dir.path.exists() and correct is not None:
                write_run(run, correct)
            elif correct is None and not run.job.failure:
                ablation.logs.mkdir(parents=True, exist_ok=True)
                run.job.record_failure("config.data.fold=7 is out of range")
        return ablation

    return make
