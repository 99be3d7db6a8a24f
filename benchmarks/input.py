"""Time and memory of data against the number of images, their size and the number of classes.

    python -m benchmarks.input [--images N] [--size S] [--classes C] [--format png] [--csv FILE]

Generates a folder of images (seeded crops of noise with shapes), prepares, reads and audits it, and
prints one table row. --images, --size and --classes may be several numbers; every combination is a
row, each measured in a process of its own. Times are processor seconds of all threads, so that
other programs on the machine count little; memory is the peak of the process.

Columns: prepare (list, hash, check, store, decode, cache), open (a later start), audit, all in
processor ms per image, as are batches of 64 read from the file of decoded images (`cached`) and
decoded from records (`records`); peak MB of preparation and opening, of reading all images twice
with 4 threads, and of the audit.
"""

import argparse
import csv
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks.generated_images import write_image_folder
from gv_jax.config import default
from gv_jax.data.audit import compute_audit
from gv_jax.data.batch_reader import BatchReader
from gv_jax.data.dataset import load_dataset, prepare_builder
from gv_jax.data.rows import read_rows
from gv_jax.data.sampling import batch_indices, steps_per_epoch

BATCH_SIZE = 64
THREADS = 4
MAX_READ = 20_000  # images that are read for a speed
PHASES = ("prepare", "open", "cached", "records", "audit")


def measure(action: Callable[[], Any]) -> float:
    """Processor seconds of `action`, in all threads."""
    started = time.process_time()
    action()
    return time.process_time() - started


def peak_mb() -> float:
    """Peak memory of this process so far, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def make_section(folder: Path, size: int, cache_mb: int) -> dict[str, Any]:
    """The section config.data of a generated folder."""
    section = default.data()
    section |= {"name": "image_folder", "path": str(folder), "root": f"{folder}-data"}
    section |= {"size": (size, size), "interpolation": "bilinear", "crop_pct": 1.0}
    return section | {"cache_mb": cache_mb}


def read_epoch(section: dict[str, Any]) -> int:
    """Reads the training images in the batches of one epoch; returns how many."""
    train = load_dataset(section, multi_label=False).splits["train"]
    count = len(train.labels)

    def read(rows: np.ndarray) -> Any:
        return read_rows(train.images, rows)

    def rows_of(step: int) -> np.ndarray:
        return batch_indices(0, step, count, BATCH_SIZE)

    by_step = BatchReader(read, THREADS, 2 * THREADS).select(rows_of)
    steps = min(steps_per_epoch(count, BATCH_SIZE), MAX_READ // BATCH_SIZE)
    return sum(len(batch) for batch in by_step.stream(range(steps)))


def measure_phase(phase: str, folder: Path, num_images: int, size: int) -> dict[str, float]:
    """Processor ms per image of one phase, and the peak memory of this process in MB."""
    section = make_section(folder, size, 0 if phase == "records" else 10**6)
    if phase in ("prepare", "open"):
        seconds = measure(lambda: load_dataset(section, multi_label=False))
    elif phase == "audit":
        builder = prepare_builder(section)
        seconds = measure(lambda: compute_audit(builder))
    else:
        load_dataset(section, multi_label=False)  # the cache is written now, if it is not yet
        started = time.process_time()
        num_images = read_epoch(section)
        seconds = time.process_time() - started
    return {f"{phase}_ms": 1e3 * seconds / num_images, f"{phase}_mb": peak_mb()}


def run_phase(phase: str, folder: Path, num_images: int, size: int) -> dict[str, float]:
    """`measure_phase` in a process of its own, so that its peak memory is its own."""
    command = [sys.executable, "-m", "benchmarks.input", "--phase", phase, "--folder", str(folder)]
    command += ["--images", str(num_images), "--size", str(size)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, nargs="+", default=[1000])
    parser.add_argument("--size", type=int, nargs="+", default=[32])
    parser.add_argument("--classes", type=int, nargs="+", default=[10])
    parser.add_argument("--format", choices=("png", "jpg"), default="png")
    parser.add_argument("--without", nargs="*", choices=PHASES, default=[], help="phases to leave")
    parser.add_argument("--csv", type=Path, help="file that rows are appended to")
    parser.add_argument("--scratch", type=Path, help="folder for the data; default: temporary")
    parser.add_argument("--phase", choices=PHASES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def append_row(file: Path, row: dict[str, Any]) -> None:
    """Appends a row to a CSV file, after a header if the file is new."""
    is_new = not file.exists()
    with file.open("a", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, row)
        if is_new:
            writer.writeheader()
        writer.writerow(row)


def main(arguments: list[str] | None = None) -> None:
    options = parse_arguments(arguments)
    if options.phase:
        line = measure_phase(options.phase, options.folder, options.images[0], options.size[0])
        # Printing is what this program is for, here and below.
        print(json.dumps(line))  # noqa: T201
        return
    phases = [phase for phase in PHASES if phase not in options.without]
    columns = [f"{phase}_{unit}" for phase in PHASES for unit in ("ms", "mb")]
    print(" ".join(["  images  size classes", *(f"{name:>10}" for name in columns)]))  # noqa: T201
    with tempfile.TemporaryDirectory(dir=options.scratch) as scratch:
        for count, size, classes in product(options.images, options.size, options.classes):
            folder = Path(scratch) / f"{count}-{size}-{classes}"
            write_image_folder(folder, count, size, classes, suffix=options.format)
            row: dict[str, Any] = {"images": count, "size": size, "classes": classes}
            row |= dict.fromkeys(columns, "")
            for phase in tqdm(phases, str(folder.name), leave=False):
                try:
                    row |= run_phase(phase, folder, count, size)
                except subprocess.CalledProcessError as error:  # the other phases are kept
                    print(f"{folder.name} {phase}: {error}\n{error.stderr}", file=sys.stderr)  # noqa: T201
            values = (f"{row[name]:10.3f}" if row[name] != "" else " " * 10 for name in columns)
            print(f"{count:8,} {size:5} {classes:7,}", *values)  # noqa: T201
            if options.csv:
                append_row(options.csv, {"format": options.format, **row})


if __name__ == "__main__":
    main()
