"""Images per second of training that streams its images, against images in memory.

    python -m benchmarks.throughput --model resnet18 --size 224 --images 20000 [--crops-of DIR]

Generates a folder of images (or takes crops of those below --crops-of), prepares it, and trains in
fresh processes by turns: `resident`, from the first --resident images, which are in memory;
`cached`, from a file of decoded images; `records`, from encoded images that are decoded when they
are read. The first epoch of each process warms up. Prints a JSON line per process, and at the end
one per storage: its median speed, and that as a fraction of `resident` ("ratio").
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.generated_images import write_image_folder
from benchmarks.measurement import write_line

STORAGES = ("resident", "cached", "records")
EPOCHS = 4
CLASSES = 10
POLL_S = 0.5  # between two looks at the metrics of a process


def make_command(
    storage: str, options: argparse.Namespace, folder: Path, workdir: Path
) -> list[str]:
    """The command that trains from one storage."""
    fields = {
        "recipe": "scratch",
        "data.valid_fraction": 0.02,
        "data.test_fraction": 0.0,
        "data.root": f"{folder}-data",
        "data.size": (options.size, options.size),
        "data.cache_mb": 0 if storage == "records" else 10**6,
        "model.name": options.model,
        "train.batch_size": options.batch,
        "train.epochs": EPOCHS,
        "train.steps_per_epoch": options.steps,
        "train.valid_batches": 1,
        "train.select": "last",
        "train.device_cache_mb": 10**6 if storage == "resident" else 0,
    }
    flags = [f"--config.{name}={value}" for name, value in fields.items()]
    config = f"--config=configs/folder.py:{folder}"
    return [sys.executable, "-m", "gv_jax.main", config, f"--workdir={workdir}", *flags]


def measure(
    storage: str, options: argparse.Namespace, folder: Path, workdir: Path
) -> dict[str, Any]:
    """Speed, waiting and peak memory of one process that trains.

    It is ended after the last epoch: the evaluation of all images can take longer than all epochs.
    """
    command = make_command(storage, options, folder, workdir)
    log = workdir.with_suffix(".log")
    with log.open("w") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=stream)
        while len(read_epochs(workdir)) < EPOCHS and not has_ended(process.pid):
            time.sleep(POLL_S)
        os.kill(process.pid, signal.SIGKILL)  # not process.kill(), which waits for what has ended
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    epochs = read_epochs(workdir)[1:]
    if len(epochs) < EPOCHS - 1:
        raise SystemExit(f"{storage}: exit status {process.returncode}\n{log.read_text()}")
    return {
        "storage": storage,
        "images_per_second": statistics.median(row["images_per_second"] for row in epochs),
        "data_wait": statistics.mean(row["data_wait"] for row in epochs),
        "peak_mb": round(usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1),
    }


def has_ended(pid: int) -> bool:
    """Whether a child process has ended; its status can still be read."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def read_epochs(workdir: Path) -> list[dict[str, Any]]:
    """The rows of training in metrics.jsonl, one per epoch so far."""
    file = workdir / "metrics.jsonl"
    lines = file.read_text().splitlines() if file.exists() else []
    return [row for row in map(json.loads, lines) if row["split"] == "train"]


def summarize(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """For every storage its median speed, relative to that of "resident", and its peak memory."""
    by_storage = {
        name: [row for row in rows if row["storage"] == name]
        for name in dict.fromkeys(row["storage"] for row in rows)
    }
    speeds = {
        name: statistics.median(row["images_per_second"] for row in part)
        for name, part in by_storage.items()
    }
    return [
        {
            "storage": name,
            "images_per_second": round(speeds[name], 1),
            "ratio": round(speeds[name] / speeds["resident"], 3),
            "peak_mb": max(row["peak_mb"] for row in part),
        }
        for name, part in by_storage.items()
    ]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", default="resnet18")
    parser.add_argument("--size", type=int, default=224, help="side of the images in pixels")
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--resident", type=int, default=1000, help="images that are in memory")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=25, help=f"in each of {EPOCHS} epochs")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--format", choices=("png", "jpg"), default="jpg")
    parser.add_argument("--crops-of", type=Path, help="folder of images")
    parser.add_argument("--scratch", type=Path, help="folder for the data; default: temporary")
    parser.add_argument("--without", nargs="*", choices=STORAGES[1:], default=[])
    options = parser.parse_args(arguments)
    suffixes = (".jpg", ".jpeg", ".png")
    sources = (
        sorted(file for file in (options.crops_of or Path()).rglob("*") if file.suffix in suffixes)
        if options.crops_of
        else []
    )
    with tempfile.TemporaryDirectory(dir=options.scratch) as scratch:
        folders = {}
        for count in {options.images, options.resident}:
            folders[count] = Path(scratch) / str(count)
            write_image_folder(
                folders[count],
                count,
                options.size,
                CLASSES,
                suffix=options.format,
                sources=sources,
            )
        rows = []
        for number in range(options.rounds):
            for storage in (name for name in STORAGES if name not in options.without):
                count = options.resident if storage == "resident" else options.images
                workdir = Path(scratch) / f"{storage}-{number}"
                rows.append(measure(storage, options, folders[count], workdir))
                write_line(rows[-1])
        for row in summarize(rows):
            write_line(row)


if __name__ == "__main__":
    main()
