"""Executes the missing runs of an ablation on an engine."""

import sys
from collections.abc import Sequence
from functools import partial

from gv_jax.ablation.study import Ablation, AblationRun
from gv_jax.errors import UserError
from gv_jax.jobs import (
    UNLIMITED,
    Echo,
    Engine,
    Job,
    Outcome,
    Status,
    run_jobs,
    stop_on_signals,
)


def run_missing(
    ablation: Ablation, engine: Engine, population: int = 1, echo: Echo = lambda line: None
) -> bool:
    """Executes the runs that have not ended; several processes can share the folder.

    Args:
        ablation: the runs.
        engine: executes them.
        population: number of runs that are trained in one program if they differ in
            `VMAPPED_FIELDS` only; those that do not finish there run again in a process each.
        echo: receives a line for each run when it starts and when it ends.

    Returns:
        Whether every run has ended; False after SIGTERM or Ctrl-C, which stop and save all runs.
    """
    # an engine with a queue of its own takes all runs at once
    event = "queued" if engine.free_slots == UNLIMITED else "started"
    with stop_on_signals() as stop:
        if population > 1:
            groups = make_groups(find_missing(ablation), population)
            report = partial(report_group, echo, ablation, groups)
            report_start = partial(report_starts, echo, ablation, groups, event)
            jobs = [make_group_job(group) for group in groups.values()]
            run_jobs(jobs, engine, report, stop, report_start)
        runs = {run.name: run for run in find_missing(ablation)}
        if not stop.is_set():
            report = partial(report_run, echo, ablation, runs)
            single = {name: [run] for name, run in runs.items()}
            report_start = partial(report_starts, echo, ablation, single, event)
            run_jobs([run.job for run in runs.values()], engine, report, stop, report_start)
    return all(run.ended for run in ablation.runs)


def find_missing(ablation: Ablation) -> list[AblationRun]:
    """The runs that have neither finished nor failed."""
    return [run for run in ablation.runs if not run.ended]


def forget_failures(ablation: Ablation) -> None:
    """Removes the records of all failures, so that failed runs run again."""
    for file in ablation.logs.glob("*.failed"):
        file.unlink(missing_ok=True)


def make_groups(runs: Sequence[AblationRun], size: int) -> dict[str, list[AblationRun]]:
    """Name of a job -> two to `size` runs that can be trained in one program."""
    from gv_jax.vectorized import VMAPPED_FIELDS

    by_key: dict[str, list[AblationRun]] = {}
    for run in runs:
        by_key.setdefault(run.group_key(VMAPPED_FIELDS), []).append(run)
    groups = [
        similar[start : start + size]
        for similar in by_key.values()
        for start in range(0, len(similar), size)
    ]
    return {f"{group[0].name}-and-{len(group) - 1}": group for group in groups if len(group) > 1}


def make_group_job(group: Sequence[AblationRun]) -> Job:
    """One job that trains several runs in one program."""
    words: list[str] = []
    for run in group:
        words += [*["--and"][: len(words)], *run.job_arguments]
    name = f"{group[0].name}-and-{len(group) - 1}"
    return Job(
        name=name,
        command=(sys.executable, "-m", "gv_jax", "train-many", *words),
        run_dirs=tuple(run.run_dir.path for run in group),
        log=group[0].ablation.logs / f"{name}.log",
    )


def report_starts(
    echo: Echo, ablation: Ablation, groups: dict[str, list[AblationRun]], event: str, job: Job
) -> None:
    """Echoes that the runs of a job are started or queued, as "[2/8] plain, seed 0: started"."""
    num_ended = sum(run.ended for run in ablation.runs)
    for run in groups[job.name]:
        echo(f"[{num_ended}/{len(ablation.runs)}] {run.variant}, seed {run.seed}: {event}")


def report_run(
    echo: Echo, ablation: Ablation, runs: dict[str, AblationRun], job: Job, outcome: Outcome
) -> None:
    """Echoes the outcome of a run."""
    echo(progress_line(ablation, runs[job.name], outcome))


def report_group(
    echo: Echo, ablation: Ablation, groups: dict[str, list[AblationRun]], job: Job, outcome: Outcome
) -> None:
    """Echoes the outcome of each run of a group."""
    for run in groups[job.name]:
        if run.run_dir.finished:
            echo(progress_line(ablation, run, Outcome(Status.FINISHED, seconds=outcome.seconds)))
        else:
            text = "interrupted" if outcome.status is Status.STOPPED else outcome.message
            echo(f"{run.variant}, seed {run.seed}: not finished in one program with others: {text}")


def progress_line(ablation: Ablation, run: AblationRun, outcome: Outcome) -> str:
    """ "[3/8] plain, seed 0: test.accuracy 0.8125 (12 s)" """
    if outcome.status is Status.FINISHED:
        try:
            text = f"{ablation.metric} {run.value:.4f}"
        except UserError as error:
            text = f"finished, but {error}"
    elif outcome.status is Status.FAILED:
        text = f"failed: {outcome.message}"
    else:
        text = "interrupted; the same command resumes it"
    num_ended = sum(run.ended for run in ablation.runs)
    return (
        f"[{num_ended}/{len(ablation.runs)}] {run.variant}, seed {run.seed}: {text} "
        f"({outcome.seconds:.0f} s)"
    )
