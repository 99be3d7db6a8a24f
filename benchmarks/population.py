"""Images per second of 8 runs: one by one, in one vectorized program, or as processes.

    python -m benchmarks.population [--case baseline-32] [--members 8]

Prints one JSON line for each way: {"way", "case", "runs", "images_per_second"}, the sum over the
runs. "sequential" and "vectorized" use the whole machine; "processes", on a CPU only, run one on
every core. Steps are those of speed.py.
"""

import argparse
import json
import os
import subprocess
import sys

import jax
import jax.numpy as jnp

from benchmarks.cases import CASES, CLASSIFICATION
from benchmarks.measurement import median_ms
from benchmarks.speed import measure_case
from benchmarks.speed_case import SpeedCase, no_augment
from gv_jax import distributed
from gv_jax.jobs.processes import available_cores, pin_cpu
from gv_jax.training.population import HParams, make_vmapped_train_step, tree_stack
from gv_jax.training.step import init_train_state


def measure_vectorized(name: str, members: int, warm_up: int = 3, steps: int = 10) -> float:
    """Images per second of all members, trained in one step.

    Args:
        name: in CASES.
        members: number of runs.
        warm_up: steps that are not measured.
        steps: steps that are measured.
    """
    case = SpeedCase.from_name(name, members)
    mesh = distributed.data_mesh()
    batch = distributed.shard_batch(case.batch, mesh)
    state = init_train_state(case.network, case.optimizer, ema=False)
    states = distributed.replicate(tree_stack([state] * members), mesh)
    ones = jnp.ones(members)
    hparams = HParams(
        seed=jnp.arange(members, dtype=jnp.uint32),
        learning_rate=ones,
        weight_decay=0 * ones,
        label_smoothing=0 * ones,
        rng_state=tree_stack([case.network.rng_state] * members),
    )
    hparams = distributed.replicate(hparams, mesh)
    train_step = make_vmapped_train_step(
        case.network, case.task, lambda weight_decay: case.optimizer, no_augment
    )
    train_step = distributed.aot_compile(train_step, mesh, states, batch, hparams, donate=True)
    current = [states]

    def step() -> None:
        current[0], metrics = train_step(current[0], batch, hparams)
        jax.device_get(metrics)

    ms = median_ms(step, warm_up=warm_up, steps=steps)
    return 1e3 * len(case.batch["label"]) / ms


def measure_processes(name: str) -> float:
    """Images per second of one run of a case on every core, all at the same time."""
    command = [sys.executable, "-m", "benchmarks.speed", name]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    processes = []
    for core in available_cores():
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        pin_cpu(process.pid, [core])
        processes.append(process)
    lines = [process.communicate()[0] for process in processes]
    return sum(json.loads(line)["images_per_second"] for line in lines)


def run_population() -> None:
    """Measures the case of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    classifiers = [name for name, case in CASES.items() if case.kind == CLASSIFICATION]
    parser.add_argument("--case", default="baseline-32", choices=classifiers)
    parser.add_argument("--members", type=int, default=8)
    options = parser.parse_args()
    case, members = options.case, options.members
    speeds = {
        "sequential": measure_case(case)["images_per_second"],
        "vectorized": measure_vectorized(case, members),
    }
    if jax.default_backend() == "cpu":
        speeds["processes"] = measure_processes(case)
    for way, speed in speeds.items():
        runs = len(available_cores()) if way == "processes" else members
        line = {"way": way, "case": case, "runs": runs, "images_per_second": round(float(speed), 1)}
        sys.stdout.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    run_population()
