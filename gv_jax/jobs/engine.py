"""The engines by name, and the flags that select and configure one."""

import argparse
from collections.abc import Callable
from pathlib import Path

from gv_jax.errors import UserError
from gv_jax.jobs.job import Engine
from gv_jax.jobs.local import LocalEngine
from gv_jax.jobs.processes import default_workers
from gv_jax.jobs.ray_engine import RayEngine
from gv_jax.jobs.slurm import SlurmEngine


def make_local(flags: argparse.Namespace, folder: Path, num_jobs: int) -> LocalEngine:
    return LocalEngine(flags.workers or max(1, min(default_workers(), num_jobs)))


def make_ray(flags: argparse.Namespace, folder: Path, num_jobs: int) -> RayEngine:
    return RayEngine(flags.address, flags.cpus, flags.gpus)


def make_slurm(flags: argparse.Namespace, folder: Path, num_jobs: int) -> SlurmEngine:
    if flags.gpus != int(flags.gpus):
        raise UserError(
            f"--gpus={flags.gpus}: give a whole number; SLURM has no fractions of a GPU"
        )
    parameters = dict(flags.slurm)
    return SlurmEngine(
        folder / "slurm",
        num_cpus=flags.cpus,
        num_gpus=int(flags.gpus),
        minutes=int(parameters.pop("time", 240)),
        cluster=str(parameters.pop("cluster", "slurm")),
        parameters=parameters,
    )


ENGINES: dict[str, Callable[[argparse.Namespace, Path, int], Engine]] = {
    "local": make_local,
    "ray": make_ray,
    "slurm": make_slurm,
}


def make_engine(flags: argparse.Namespace, folder: Path, num_jobs: int) -> Engine:
    """Makes the engine that the flags select.

    Args:
        flags: parsed by a parser with `add_engine_flags`.
        folder: of the study; SLURM's files go to `folder`/slurm.
        num_jobs: number of missing jobs, an upper bound of the workers of this machine.
    """
    return ENGINES[flags.engine](flags, folder, num_jobs)


def add_engine_flags(parser: argparse.ArgumentParser) -> None:
    """Adds --engine and its options to a parser."""
    group = parser.add_argument_group("execution")
    group.add_argument(
        "--engine",
        choices=ENGINES,
        default="local",
        help="this machine (local), a Ray cluster, SLURM",
    )
    group.add_argument(
        "--workers",
        type=parse_natural,
        default=0,
        help="concurrent runs (local) or trials of a search; 0: one per core or GPU (0)",
    )
    group.add_argument(
        "--address", default="auto", help="ray: address of the cluster (auto); local starts one"
    )
    group.add_argument(
        "--cpus", type=parse_natural, default=1, help="ray, slurm: cores per run (1)"
    )
    group.add_argument(
        "--gpus", type=float, default=0, help="ray, slurm: GPUs per run; Ray allows fractions (0)"
    )
    group.add_argument(
        "--slurm",
        type=parse_assignment,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="slurm: a parameter of submitit, as in partition=gpu or time=240 (minutes)",
    )


def parse_natural(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 0")
    return int(text)


def parse_assignment(text: str) -> tuple[str, str | int]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=VALUE")
    return name, int(value) if value.isdecimal() else value
