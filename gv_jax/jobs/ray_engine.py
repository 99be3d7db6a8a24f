"""Jobs as tasks of a Ray cluster whose nodes share the file system of the run directories."""

import logging
from collections.abc import Sequence
from typing import Any

from gv_jax.errors import UserError
from gv_jax.jobs.job import UNLIMITED, Job, Outcome, Status
from gv_jax.jobs.local import run_job


class RayRun:
    """A task of Ray."""

    def __init__(self, job: Job, ref: Any):
        self.job, self._ref = job, ref

    def poll(self) -> Outcome | None:
        import ray
        from ray.exceptions import RayError, RayTaskError, TaskCancelledError

        if not ray.wait([self._ref], timeout=0)[0]:
            return None
        try:
            return ray.get(self._ref)
        except TaskCancelledError:
            return Outcome(Status.STOPPED, "canceled")
        except RayTaskError as error:  # would happen on another node too
            message = (str(error).strip() or repr(error)).splitlines()[-1]
            self.job.record_failure(message)
            return Outcome(Status.FAILED, message)
        except RayError as error:  # more nodes died than it is retried
            return Outcome(Status.STOPPED, (str(error).strip() or repr(error)).splitlines()[0])

    def stop(self) -> None:
        import ray

        ray.cancel(self._ref)


class RayEngine:
    """One task per job, retried when its node dies: the run resumes on another node."""

    free_slots = UNLIMITED

    def __init__(
        self, address: str = "auto", num_cpus: int = 1, num_gpus: float = 0, max_retries: int = 3
    ):
        """Connects to the cluster.

        Args:
            address: of the cluster; "auto" for the cluster of this machine, "local" for a new one
                on this machine.
            num_cpus: cores per run.
            num_gpus: GPUs per run, or a fraction of one.
            max_retries: number of retries of a run whose nodes die.

        Raises:
            UserError: Ray is not installed, or there is no cluster.
        """
        try:
            import ray
        except ModuleNotFoundError as error:
            raise UserError("--engine=ray needs Ray: pip install 'gv_jax[ray]'") from error
        if not ray.is_initialized():
            try:
                ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
            except (ConnectionError, ValueError) as error:
                raise UserError(
                    f"no Ray cluster at --address={address}: start one with `ray start --head`, or "
                    "give --address=local"
                ) from error
        resources = {"num_cpus": num_cpus, "num_gpus": num_gpus}
        self._task = ray.remote(max_retries=max_retries, **resources)(run_job)
        self._num_cpus = num_cpus

    def start(self, jobs: Sequence[Job]) -> Sequence[RayRun]:
        return [RayRun(job, self._task.remote(job, self._num_cpus)) for job in jobs]
