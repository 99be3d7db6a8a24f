"""Speed of training steps and predictions, also against PyTorch.

    python -m benchmarks.speed [NAME ...] [--against torch] [--against torch-compile]

Each NAME is one of CASES in cases.py: a model at one input size and batch size; by default all.
Prints one JSON line per case, measured in a process of its own. "ms" is the median of ten steps
after three to warm up, in float32: forward, backward and Adam, with dropout and batch normalization
as in training; or what `gv-jax predict` computes. Inputs are random. "compile_s" are the seconds
before the first step, without a cache unless JAX_COMPILATION_CACHE_DIR is set. "peak_memory_mb" is
the largest resident memory of the process, compilation included. "gflops" are the floating-point
operations of one step in 1e9, as XLA counts them in its own operations; formulations with fewer
count as many, so that the number depends on the case only. "peak_gflops" is what a large float32
matrix product reaches per second in the same process, and "fraction_of_peak" the step's share of
it. "parameters" are the trainable ones.

With `--against`, processes alternate for `--rounds` rounds; see alternate.py.
"""

import argparse
import sys
import time
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import alternate
from benchmarks.cases import CASES
from benchmarks.measurement import (
    STEPS,
    WARM_UP,
    Measurement,
    add_step_flags,
    median_ms,
    peak_memory_mb,
    read_names,
    write_line,
)
from benchmarks.speed_case import SpeedCase, compile_step
from gv_jax.distributed import compiler_options
from gv_jax.models.summary import count_params

PEAK_SIDE, PEAK_RUNS = 2048, 8  # of the matrices whose product gives the peak


def measure_case(
    name: str, warm_up: int = WARM_UP, steps: int = STEPS
) -> dict[str, str | int | float | None]:
    """Measures one of CASES.

    Args:
        name: in CASES.
        warm_up: steps that are not measured.
        steps: steps that are measured.

    Returns:
        The fields of its JSON line.
    """
    case = SpeedCase.from_name(name)
    started = time.perf_counter()
    step = compile_step(case)
    compile_s = time.perf_counter() - started
    ms = median_ms(step.run, warm_up=warm_up, steps=steps)
    memory = peak_memory_mb()
    measurement = Measurement(
        ms,
        compile_s,
        count_params(case.model)[1],
        memory,
        step.count_gflops(),
        measure_peak_gflops(),
    )
    return measurement.to_json(name, CASES[name])


@cache
def measure_peak_gflops() -> float:
    """1e9 floating-point operations per second of the fastest of several large float32 products."""
    matrix = np.random.default_rng(0).standard_normal((PEAK_SIDE, PEAK_SIDE), np.float32)
    a = jnp.asarray(matrix)
    multiply = jax.jit(
        lambda a, b: jnp.matmul(a, b, precision="highest"), compiler_options=compiler_options()
    )
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
    names = read_names(parser, options)
    flags = ["--warm-up", str(options.warm_up), "--steps", str(options.steps)]
    programs = alternate.read_programs(parser, options)
    if len(names) == 1 and len(programs) == 1:
        write_line(measure_case(names[0], options.warm_up, options.steps))
        return
    for name in names:  # processes of their own, so that each has its own peak memory
        commands = {
            program: [sys.executable, "-m", *module, name, *flags]
            for program, module in programs.items()
        }
        if len(programs) == 1:
            for command in commands.values():
                write_line(alternate.run_command(command))
        else:
            for line in alternate.compare(commands, options.rounds, write_line):
                write_line(line)


if __name__ == "__main__":
    run_speed()
