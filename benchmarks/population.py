"""How many pictures per second 8 runs learn from: one by one, trained together in one program, or as processes.

    python -m benchmarks.population [--case baseline-32] [--members 8]

Prints one JSON line for each way: {"way", "case", "runs", "images_per_second"}, of all runs together. One by one and
together use the whole machine; as processes, one at a time on every core (on a CPU only). Steps as in speed.py.
"""

import argparse
import json
import os
import subprocess
import sys

import jax
import jax.numpy as jnp

from benchmarks.speed import CASES, SpeedCase, measure_case, median_ms
from gv_jax import distributed
from gv_jax.jobs.processes import available_cores, pin_cpu
from gv_jax.training.population import HParams, make_vmapped_train_step, tree_stack
from gv_jax.training.step import init_train_state


def vectorized_speed(case: str, members: int, warm_up: int = 3, steps: int = 10) -> float:
    """Pictures per second of all members, trained in one step."""
    problem = SpeedCase.of(case, members)
    mesh = distributed.data_mesh()
    batch = distributed.shard_batch(problem.batch, mesh)
    begun = tree_stack(
        [init_train_state(problem.network, problem.optimizer, average=False)] * members
    )
    state, same = distributed.replicate(begun, mesh), jnp.ones(members)
    noise = tree_stack([problem.network.noise] * members)
    numbers = HParams(jnp.arange(members, dtype=jnp.uint32), same, 0 * same, 0 * same, noise)
    numbers = distributed.replicate(numbers, mesh)
    update = make_vmapped_train_step(
        problem.network,
        problem.task,
        lambda decay: problem.optimizer,
        lambda key, *pictures: pictures,
    )
    step = distributed.aot_compile(update, mesh, state, batch, numbers, donate=True)
    ms = median_ms(step, state, batch, numbers, warm_up=warm_up, steps=steps)
    return 1e3 * len(problem.batch["label"]) / ms


def process_speed(case: str) -> float:
    """Pictures per second of one run on every core, all at the same time."""
    started = []
    for core in available_cores():
        words = [sys.executable, "-m", "benchmarks.speed", case]
        process = subprocess.Popen(
            words, stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
        )
        pin_cpu(process.pid, [core])
        started.append(process)
    return sum(json.loads(process.communicate()[0])["images_per_second"] for process in started)


def run_population() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--case", default="baseline-32", choices=CASES)
    parser.add_argument("--members", type=int, default=8)
    options = parser.parse_args()
    case, members = options.case, options.members
    found = {
        "one by one": measure_case(case)["images_per_second"],
        "together": vectorized_speed(case, members),
    }
    if jax.default_backend() == "cpu":
        found["processes"] = process_speed(case)
    for way, speed in found.items():
        runs = len(available_cores()) if way == "processes" else members
        line = {"way": way, "case": case, "runs": runs, "images_per_second": round(float(speed), 1)}
        sys.stdout.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    run_population()
