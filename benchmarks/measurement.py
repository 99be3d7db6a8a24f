"""What is measured of every step, in any library; imports none, so as not to load two at once."""

import argparse
import json
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.cases import CASES, Case
from gv_jax.errors import unknown

WARM_UP, STEPS = 3, 10
DTYPES = ("float32", "bfloat16")  # that networks compute in; weights are float32


@dataclass(frozen=True)
class Measurement:
    """One case, measured in a process that has measured no other.

    Attributes:
        ms: Median duration of a step in milliseconds.
        compile_s: Seconds before the first step that compilation took.
        parameters: Trainable ones.
        peak_memory_mb: Largest resident memory of the process until the last step, in 1e6 bytes.
        gflops: Of one step, in 1e9 floating-point operations; None: not known.
        peak_gflops: Per second, of a large matrix product; None: not measured.
    """

    ms: float
    compile_s: float
    parameters: int
    peak_memory_mb: float
    gflops: float | None = None
    peak_gflops: float | None = None

    def to_json(self, name: str, case: Case) -> dict[str, str | int | float | None]:
        """The fields of the JSON line."""
        gflops, peak = self.gflops, self.peak_gflops
        share = gflops / (1e-3 * self.ms) / peak if gflops and peak else None
        return {
            "name": name,
            "batch": case.batch,
            "ms": round(self.ms, 2),
            "images_per_second": round(1e3 * case.batch / self.ms, 1),
            "compile_s": round(self.compile_s, 2),
            "peak_memory_mb": round(self.peak_memory_mb),
            "gflops": None if gflops is None else round(gflops, 3),
            "peak_gflops": None if peak is None else round(peak, 1),
            "fraction_of_peak": None if share is None else round(share, 3),
            "parameters": self.parameters,
        }


def median_ms(step: Callable[[], Any], *, warm_up: int, steps: int) -> float:
    """Median duration of a step in milliseconds.

    Args:
        step: returns when its results are on the host.
        warm_up: steps that are not measured.
        steps: steps that are measured.
    """
    seconds = []
    for _ in range(warm_up + steps):
        started = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - started)
    return 1e3 * statistics.median(seconds[warm_up:])


def peak_memory_mb() -> float:
    """Largest resident memory of this process so far, in 1e6 bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def add_step_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the names of cases, and how they are measured, to a command line."""
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(CASES))
    parser.add_argument("--warm-up", type=int, default=WARM_UP, help="steps before the measured")
    parser.add_argument("--steps", type=int, default=STEPS, help="measured steps")
    parser.add_argument("--batch", type=int, help="images of a step instead of those of the case")
    parser.add_argument("--dtype", choices=DTYPES, default=DTYPES[0], help="of the network")


def step_flags(options: argparse.Namespace) -> list[str]:
    """The flags of `add_step_flags` for another process."""
    batch = [] if options.batch is None else ["--batch", str(options.batch)]
    steps = ["--warm-up", str(options.warm_up), "--steps", str(options.steps)]
    return [*steps, *batch, "--dtype", options.dtype]


def read_cases(parser: argparse.ArgumentParser, options: argparse.Namespace) -> dict[str, Case]:
    """The cases of the command line; by default all. Ends with one line for a wrong value."""
    for name in options.names:
        if name not in CASES:
            parser.error(str(unknown("case", name, CASES)))
    for flag, least in (("warm_up", 0), ("steps", 1), ("batch", 1)):
        value = getattr(options, flag)
        if value is not None and value < least:
            parser.error(f"--{flag.replace('_', '-')} is {value}: give at least {least}")
    cases = {name: CASES[name] for name in options.names or CASES}
    if options.batch is None:
        return cases
    return {name: replace(case, batch=options.batch) for name, case in cases.items()}


def write_line(fields: dict[str, Any]) -> None:
    """Writes one JSON line at once."""
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


def read_lines(output: str) -> Iterator[dict[str, Any]]:
    """The JSON lines of an output; other lines are skipped."""
    for line in output.splitlines():
        if line.startswith("{"):
            yield json.loads(line)
