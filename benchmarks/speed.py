"""Speed of training steps and predictions, also against PyTorch.

    python -m benchmarks.speed [NAME ...] [--against torch] [--against torch-compile]

Each NAME is one of CASES in cases.py: a model at one input size and batch size; by default all.
Prints one JSON line per case, measured in a process of its own. "ms" is the median of ten steps
after three to warm up, in float32: forward, backward and Adam, with dropout and batch normalization
as in training; or what `gv-jax predict` computes. Inputs are random. "compile_s" are the seconds
before the first step, without a cache unless JAX_COMPILATION_CACHE_DIR is set. "peak_memory_mb" is
the largest resident memory of the process, compilation included. "gflops" are the floating-point
operations of one step in 1e9, as XLA counts them in its own operations; formulations with fewer
count as many, so that the number depends on the case only. "peak_gflops" is what a large
product of two matrices of the same type reaches per second in the same process, and
"fraction_of_peak" the step's share of it. "parameters" are the trainable ones.

With `--against`, processes alternate for `--rounds` rounds; see alternate.py.
"""

import argparse
import sys
import time
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import alternate
from benchmarks.cases import CASES, Case
from benchmarks.measurement import (
    DTYPES,
    STEPS,
    WARM_UP,
    Measurement,
    add_step_flags,
    median_ms,
    peak_memory_mb,
    read_cases,
    step_flags,
    write_line,
)
from benchmarks.speed_case import SpeedCase, compile_step
from gv_jax.cli.huge_pages import restart_on_huge_pages
from gv_jax.distributed import compiler_options
from gv_jax.models.summary import count_params

PEAK_SIDE, PEAK_RUNS = 2048, 8  # of the matrices whose product gives the peak


def measure_case(
    name: str,
    case: Case | None = None,
    *,
    warm_up: int = WARM_UP,
    steps: int = STEPS,
    dtype: str = DTYPES[0],
) -> dict[str, Any]:
    """Measures a case.

    Args:
        name: of the case.
        case: what is measured; by default that of CASES.
        warm_up: steps that are not measured.
        steps: steps that are measured.
        dtype: what the network computes in.

    Returns:
        The fields of its JSON line.
    """
    case = case or CASES[name]
    speed_case = SpeedCase.from_case(case)
    started = time.perf_counter()
    step = compile_step(speed_case, dtype=jnp.dtype(dtype))
    compile_s = time.perf_counter() - started
    ms = median_ms(step.run, warm_up=warm_up, steps=steps)
    memory = peak_memory_mb()
    measurement = Measurement(
        ms,
        compile_s,
        count_params(speed_case.model)[1],
        memory,
        step.count_gflops(),
        measure_peak_gflops(dtype),
    )
    return measurement.to_json(name, case)


@cache
def measure_peak_gflops(dtype: str) -> float:
    """1e9 floating-point operations per second of the fastest of several large products."""
    matrix = np.random.default_rng(0).standard_normal((PEAK_SIDE, PEAK_SIDE), np.float32)
    a = jnp.asarray(matrix, dtype)
    multiply = jax.jit(jnp.matmul, compiler_options=compiler_options())
    seconds = []
    for _ in range(1 + PEAK_RUNS):
        started = time.perf_counter()
        multiply(a, a).block_until_ready()
        seconds.append(time.perf_counter() - started)
    return 2e-9 * PEAK_SIDE**3 / min(seconds)


def run_speed() -> None:
    """Measures the cases of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add_step_flags(parser)
    alternate.add_flags(parser)
    options = parser.parse_args()
    cases = read_cases(parser, options)
    programs = alternate.read_programs(parser, options)
    if len(cases) == 1 and len(programs) == 1:
        for name, case in cases.items():
            steps = {"warm_up": options.warm_up, "steps": options.steps}
            write_line(measure_case(name, case, **steps, dtype=options.dtype))
        return
    for name in cases:  # processes of their own, so that each has its own peak memory
        commands = {
            program: [sys.executable, "-m", *module, name, *step_flags(options)]
            for program, module in programs.items()
        }
        if len(programs) == 1:
            write_line(alternate.run_command(commands[alternate.OURS]))
        else:
            for line in alternate.compare(commands, options.rounds, write_line):
                write_line(line)


if __name__ == "__main__":
    restart_on_huge_pages()
    run_speed()
