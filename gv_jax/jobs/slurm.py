"""Jobs as an array of SLURM, through submitit; the run directories are on a shared file system."""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gv_jax.errors import UserError
from gv_jax.jobs.job import POLL_S, UNLIMITED, Job, Outcome, Status
from gv_jax.jobs.local import run_job

MAX_TIMEOUTS = 1_000  # number of times that a run is requeued at its time limit


class RequeuedJob:
    """The function that submitit calls on the node; requeues the job when it is preempted."""

    def __init__(self, job: Job, num_cpus: int):
        self.job, self.num_cpus = job, num_cpus

    def __call__(self) -> Outcome:
        # In a thread, so that the signal handler in the main thread can wait for its end.
        self._stop, self._outcomes = threading.Event(), list[Outcome]()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        try:
            while self._thread.is_alive():
                self._thread.join(POLL_S)
        finally:
            self._stop.set()
            self._thread.join()
        return self._outcomes[0]

    def checkpoint(self) -> Any:
        """Called by submitit on preemption and at the time limit: saves and requeues."""
        import submitit

        self._stop.set()
        self._thread.join()
        return submitit.helpers.DelayedSubmission(RequeuedJob(self.job, self.num_cpus))

    def _run(self) -> None:
        self._outcomes.append(run_job(self.job, self.num_cpus, self._stop))


class SlurmRun:
    """A task of a SLURM array."""

    def __init__(self, job: Job, handle: Any):
        self.job, self._handle = job, handle

    def poll(self) -> Outcome | None:
        if not self._handle.done():
            return None
        try:
            return self._handle.result()
        except Exception as error:  # submitit raises what its plugins and SLURM raise
            if self.job.finished:
                return Outcome(Status.FINISHED)
            state = f"SLURM job {self._handle.job_id} is {self._handle.state}"
            return Outcome(
                Status.STOPPED, f"{state}: {(str(error).strip() or repr(error)).splitlines()[-1]}"
            )

    def stop(self) -> None:
        self._handle.cancel(check=False)


class SlurmEngine:
    """One SLURM array for all jobs that are started together."""

    free_slots = UNLIMITED

    def __init__(
        self,
        folder: Path,
        num_cpus: int = 1,
        num_gpus: int = 0,
        minutes: int = 240,
        cluster: str = "slurm",
        parameters: Mapping[str, str | int] | None = None,
    ):
        """Prepares the submission.

        Args:
            folder: files of submitit, on the shared file system.
            num_cpus: cores per run.
            num_gpus: GPUs per run.
            minutes: time limit, at which a run saves and is requeued.
            cluster: "slurm", or "local" for processes of this machine, for tests.
            parameters: further parameters of SLURM in submitit's names: partition, account,
                array_parallelism, ...

        Raises:
            UserError: submitit is not installed, or a parameter is unknown.
        """
        try:
            import submitit
        except ModuleNotFoundError as error:
            raise UserError("--engine=slurm needs submitit: pip install 'gv_jax[slurm]'") from error
        try:
            self._executor = submitit.AutoExecutor(
                folder, cluster=cluster, slurm_max_num_timeout=MAX_TIMEOUTS
            )
            self._executor.update_parameters(
                timeout_min=minutes,
                cpus_per_task=num_cpus,
                gpus_per_node=num_gpus or None,
                **{f"slurm_{name}": value for name, value in (parameters or {}).items()},
            )
        except (NameError, RuntimeError) as error:
            raise UserError(f"--engine=slurm: {' '.join(str(error).split())}") from error
        self._num_cpus = num_cpus

    def start(self, jobs: Sequence[Job]) -> Sequence[SlurmRun]:
        tasks = [RequeuedJob(job, self._num_cpus) for job in jobs]
        handles = self._executor.submit_array(tasks)
        return [SlurmRun(job, handle) for job, handle in zip(jobs, handles, strict=True)]
