"""How many pictures per second 8 runs learn from: one by one, trained together in one program, or as processes.

    python -m experiments.population [--case baseline-32] [--members 8]

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

from experiments.speed import CASES, Problem, measure, median_ms
from gv_jax.ablation.workers import available, confine
from gv_jax.training import devices
from gv_jax.training.population import Numbers, make_population_update, stack
from gv_jax.training.step import start


def together(case: str, members: int, warm_up: int = 3, steps: int = 10) -> float:
    """Pictures per second of all members, trained in one step."""
    problem = Problem.of(case, members)
    mesh = devices.data_mesh()
    batch = devices.shard(problem.batch, mesh)
    begun = stack([start(problem.network, problem.optimizer, average=False)] * members)
    state, same = devices.replicate(begun, mesh), jnp.ones(members)
    noise = stack([problem.network.noise] * members)
    numbers = Numbers(jnp.arange(members, dtype=jnp.uint32), same, 0 * same, 0 * same, noise)
    numbers = devices.replicate(numbers, mesh)
    update = make_population_update(
        problem.network, problem.task, lambda decay: problem.optimizer, lambda key, *pictures: pictures
    )
    step = devices.compiled(update, mesh, state, batch, numbers, donate=True)
    ms = median_ms(step, state, batch, numbers, warm_up=warm_up, steps=steps)
    return 1e3 * len(problem.batch["label"]) / ms


def processes(case: str) -> float:
    """Pictures per second of one run on every core, all at the same time."""
    started = []
    for core in available():
        words = [sys.executable, "-m", "experiments.speed", case]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
        confine(process.pid, [core])
        started.append(process)
    return sum(json.loads(process.communicate()[0])["images_per_second"] for process in started)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--case", default="baseline-32", choices=CASES)
    parser.add_argument("--members", type=int, default=8)
    options = parser.parse_args()
    case, members = options.case, options.members
    found = {"one by one": measure(case)["images_per_second"], "together": together(case, members)}
    if jax.default_backend() == "cpu":
        found["processes"] = processes(case)
    for way, speed in found.items():
        runs = len(available()) if way == "processes" else members
        line = {"way": way, "case": case, "runs": runs, "images_per_second": round(float(speed), 1)}
        sys.stdout.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
