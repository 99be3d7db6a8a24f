"""Executes many runs: as processes of one machine, on Ray, or on SLURM."""

from gv_jax.jobs.driver import IDLE_POLL_S, run_jobs, stop_on_signals
from gv_jax.jobs.engine import ENGINES, add_engine_flags, make_engine
from gv_jax.jobs.job import POLL_S, UNLIMITED, Echo, Engine, Job, Outcome, Status

__all__ = [
    "ENGINES",
    "IDLE_POLL_S",
    "POLL_S",
    "UNLIMITED",
    "Echo",
    "Engine",
    "Job",
    "Outcome",
    "Status",
    "add_engine_flags",
    "make_engine",
    "run_jobs",
    "stop_on_signals",
]
