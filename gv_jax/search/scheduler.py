"""Decides which trial comes next; several processes and machines can share a search."""

from typing import NamedTuple

import optuna
from optuna.trial import Trial, TrialState

from gv_jax.search.space import suggest_fields
from gv_jax.search.trials import Search, TrialRun
from gv_jax.training.lease import Lease


class LeasedTrial(NamedTuple):
    """A trial that this process executes.

    Attributes:
        trial: in the Optuna study.
        values: of the fields that vary.
        runs: one for each fold.
        lease: on the trial, held by this process.
    """

    trial: Trial
    values: dict[str, object]
    runs: list[TrialRun]
    lease: Lease


class Scheduler:
    """Asks Optuna for trials, and takes over those whose process has died."""

    def __init__(self, search: Search, study: optuna.Study):
        self.search, self.study = search, study
        self._lock = Lease(search.folder / "scheduler.lock")  # held while a trial is chosen
        # A lease of another machine expires only for an object that has observed it long enough.
        self._leases: dict[int, Lease] = {}
        self._held: set[int] = set()  # trials of this process

    def next_trial(self) -> LeasedTrial | None:
        """A trial to execute; None if there is none, or another process is choosing one."""
        if not self._lock.try_acquire():
            return None
        try:
            return self._resume_trial() or self._ask_trial()
        finally:
            self._lock.release()

    def release(self, trial: LeasedTrial) -> None:
        """Lets any process take the trial."""
        trial.lease.release()
        self._held.discard(trial.trial.number)

    def _resume_trial(self) -> LeasedTrial | None:
        """A trial that no living process executes."""
        for trial in self.study.get_trials(deepcopy=False):
            if trial.state is TrialState.RUNNING and trial.number not in self._held:
                lease = self._lease(trial.number)
                if lease.try_acquire():
                    return self._hold(Trial(self.study, trial._trial_id), lease)
        return None

    def _ask_trial(self) -> LeasedTrial | None:
        """A new trial."""
        trials = self.study.get_trials(deepcopy=False)
        started = [trial for trial in trials if trial.state is not TrialState.WAITING]
        if len(started) >= self.search.total:
            return None
        if self.search.method == "grid":
            if len(started) == len(trials):
                self.study.enqueue_trial(self.search.grid[len(trials)])
        else:
            self.study.sampler = make_optuna_sampler(
                self.search.method, self.search.seed + len(trials)
            )
        trial = self.study.ask()
        lease = self._lease(trial.number)
        acquired = lease.try_acquire()
        assert acquired, f"new trial {trial.number} is leased"
        return self._hold(trial, lease)

    def _lease(self, number: int) -> Lease:
        return self._leases.setdefault(number, Lease(self.search.trial_dir(number)))

    def _hold(self, trial: Trial, lease: Lease) -> LeasedTrial:
        self._held.add(trial.number)
        values = suggest_fields(trial, self.search.space)
        return LeasedTrial(trial, values, self.search.make_runs(trial.number, values), lease)


def make_optuna_sampler(method: str, seed: int) -> optuna.samplers.BaseSampler:
    """The sampler of "tpe" or "random"."""
    if method == "tpe":
        return optuna.samplers.TPESampler(seed=seed)
    return optuna.samplers.RandomSampler(seed=seed)
