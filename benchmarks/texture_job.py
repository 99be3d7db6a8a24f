"""The whole job of the texture project, from the command to the report, beside PyTorch.

    python -m benchmarks.texture_job FOLDER [--model baseline|sequential|resnet34] [--rounds 3]

FOLDER holds one folder of images per class. Trains 80 epochs of 10 steps of 32 images of 32x32
RGBA, with 10 validation steps after each, by Adam without augmentation, and writes a report.
Processes alternate: `first` prepares the images and compiles everything anew; `second` starts again
in another run directory, with both already done; `torch` is torch_texture_job.py, which does the
same eagerly. Prints a JSON line per process, and at the end for `first` and `second` the median
ratio of PyTorch's seconds to theirs, above 1 where gv_jax is faster.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.alternate import check_torch
from benchmarks.measurement import write_line
from gv_jax.cli.huge_pages import huge_page_environment

MODELS = ("baseline", "sequential", "resnet34")
EPOCHS, STEPS, BATCH, SIDE, CHANNELS = 80, 10, 32, 32, 4
FIRST, SECOND, TORCH = "first", "second", "torch"


def make_command(folder: Path, model: str, epochs: int, root: Path, workdir: Path) -> list[str]:
    """The command that trains with gv_jax.

    Args:
        folder: of the images.
        model: a name in MODELS.
        epochs: of the training.
        root: of the prepared data and the compiled programs.
        workdir: the run directory.
    """
    fields = {
        "recipe": "scratch",
        "data.root": root,
        "data.size": (SIDE, SIDE),
        "data.channels": CHANNELS,
        "model.name": model,
        "optimizer.name": "adam",
        "optimizer.weight_decay": 0.0,
        "augment.flip": 0.0,
        "augment.pad_crop": 0.0,
        "augment.label_smoothing": 0.0,
        "train.batch_size": BATCH,
        "train.epochs": epochs,
        "train.steps_per_epoch": STEPS,
        "train.valid_batches": STEPS,
    }
    flags = [f"--config.{name}={value}" for name, value in fields.items()]
    config = f"--config=configs/folder.py:{folder}"
    return [sys.executable, "-m", "gv_jax.main", config, f"--workdir={workdir}", *flags]


def run_job(command: Sequence[str]) -> float:
    """Seconds of a process from its start to its end; ends this one if it fails."""
    started = time.perf_counter()
    process = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env=huge_page_environment(os.environ),
    )
    seconds = time.perf_counter() - started
    if process.returncode:
        sys.exit(f"{' '.join(command)}: exit status {process.returncode}\n{process.stderr}")
    return seconds


def read_accuracy(workdir: Path) -> float:
    """Test accuracy of a run of either program, from its results.json."""
    return json.loads((workdir / "results.json").read_text())["test"]["accuracy"]


def compare_jobs(folder: Path, model: str, epochs: int, rounds: int) -> list[dict[str, Any]]:
    """Runs the jobs by turns, writes a line of each, and returns the two ratios."""
    seconds: dict[str, list[float]] = {FIRST: [], SECOND: [], TORCH: []}
    for number in range(rounds):
        with tempfile.TemporaryDirectory() as scratch:
            for program in seconds:
                workdir = Path(scratch) / program
                if program == TORCH:
                    module = [sys.executable, "-m", "benchmarks.torch_texture_job"]
                    flags = ["--model", model, "--epochs", str(epochs)]
                    command = [*module, str(folder), str(workdir), *flags]
                else:
                    command = make_command(folder, model, epochs, Path(scratch) / "data", workdir)
                seconds[program].append(run_job(command))
                write_line(
                    {
                        "program": program,
                        "round": number + 1,
                        "model": model,
                        "seconds": round(seconds[program][-1], 1),
                        "accuracy": round(read_accuracy(workdir), 3),
                    }
                )
    return [summarize(model, program, seconds) for program in (FIRST, SECOND)]


def summarize(model: str, program: str, seconds: dict[str, list[float]]) -> dict[str, Any]:
    """The median ratio of PyTorch's seconds to those of `program` in the same round."""
    pairs = zip(seconds[TORCH], seconds[program], strict=True)
    ratios = [other / ours for other, ours in pairs]
    return {
        "model": model,
        "program": program,
        "ratio": round(statistics.median(ratios), 2),
        "range": [round(min(ratios), 2), round(max(ratios), 2)],
        "seconds": round(statistics.median(seconds[program]), 1),
        "torch_seconds": round(statistics.median(seconds[TORCH]), 1),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Compares the jobs of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, help="one folder of images per class")
    parser.add_argument("--model", choices=MODELS, default=MODELS[0])
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--rounds", type=int, default=3, help="processes of each program")
    options = parser.parse_args(arguments)
    if not options.folder.is_dir():
        parser.error(f"{options.folder} is not a folder")
    if options.epochs < 1 or options.rounds < 1:
        parser.error("give at least 1 for --epochs and --rounds")
    check_torch(parser)
    for line in compare_jobs(options.folder, options.model, options.epochs, options.rounds):
        write_line(line)


if __name__ == "__main__":
    main()
