"""Works on trials until all are done; every fold is a process of its own, which goes on where it was cut off."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from optuna.trial import Trial, TrialState

from gv_jax.ablation.claims import BEAT, Claim
from gv_jax.ablation.workers import LOOK, confine, last_words, spread
from gv_jax.errors import UserError
from gv_jax.search.trials import FOLD_STEP_OFFSET, Search, TrialRun, mean_score

POLL_S = 1.0  # seconds until one looks again for work


class Released(Exception):
    """The trial is left as it is, for a later start or for the worker that took it over."""


class TrialPrunedError(Exception):
    """The trial is worse than others were at that epoch."""


class TrialFailedError(Exception):
    """A run failed; says why."""


@dataclass(frozen=True)
class SearchWorker:
    """Takes one trial after the other; its runs use only `cores` of the CPU, where the system can do that."""

    search: Search
    cores: Sequence[int]
    stop: threading.Event

    def work(self) -> None:
        """Until every trial is done, here or with another worker, or `stop` is set."""
        study = self.search.open()
        while not self.stop.is_set() and not self.search.done(study):
            turn = self.search.turn(study)
            if turn is None:
                self.stop.wait(POLL_S)
                continue
            trial, values, claim = turn
            try:
                self.attempt(study, trial, values, claim)
            finally:
                claim.release()

    def attempt(self, study: Any, trial: Trial, values: dict[str, Any], claim: Claim) -> None:
        """Runs the folds of a trial and tells the study what came out."""
        began = time.monotonic()
        try:
            scores = [
                self.execute(run, trial, claim, fold)
                for fold, run in enumerate(self.search.runs(trial.number, values))
            ]
        except Released:
            return
        except TrialPrunedError:
            study.tell(trial.number, state=TrialState.PRUNED, skip_if_finished=True)
            said = "cut short"
        except (TrialFailedError, UserError) as error:
            trial.set_user_attr("why", str(error))
            study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)
            said = f"failed: {error}"
        else:
            trial.set_user_attr("scores", scores)
            study.tell(trial.number, mean_score(scores), skip_if_finished=True)
            said = f"{self.search.metric} {mean_score(scores):.4f}"
        told = ", ".join(f"{name} = {format_fields(value)}" for name, value in values.items())
        log_line(
            f"[{trial.number + 1}/{self.search.total}] {said} with {told} ({time.monotonic() - began:.0f} s)"
        )

    def execute(self, run: TrialRun, trial: Trial, claim: Claim, fold: int) -> float:
        """The score of one fold, from its start or from where it was cut off."""
        if not run.folder.finished:
            run.log.parent.mkdir(parents=True, exist_ok=True)
            with run.log.open("ab") as log:
                start = log.tell()
                process = subprocess.Popen(
                    run.command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, "OMP_NUM_THREADS": str(len(self.cores))},
                    pass_fds=claim.inherited,
                )
                confine(process.pid, self.cores)
                self.watch(process, run, trial, claim, fold)
            if not run.folder.finished:
                with run.log.open("rb") as log:
                    log.seek(start)
                    raise TrialFailedError(
                        last_words(log.read().decode(errors="replace"), process.returncode)
                    )
        report_progress(trial, run, fold)
        shutil.rmtree(
            run.folder.checkpoints, ignore_errors=True
        )  # of many runs they would fill the disk
        return run.score

    def watch(
        self, process: subprocess.Popen, run: TrialRun, trial: Trial, claim: Claim, fold: int
    ) -> None:
        """Beats and reports epochs until the process ends. Given or Pruned, where SIGTERM ended it, after a save."""
        beaten, seen = time.monotonic(), 0
        while process.poll() is None:
            why = None
            if time.monotonic() - beaten > BEAT:
                beaten = time.monotonic()
                why = None if claim.beat() else Released
            file = run.path / "metrics.jsonl"
            size = file.stat().st_size if file.exists() else 0
            if size != seen:
                seen = size
                report_progress(trial, run, fold)
                why = why or (TrialPrunedError if trial.should_prune() else None)
            why = Released if self.stop.is_set() else why
            if why is not None:
                process.send_signal(signal.SIGTERM)
                process.wait()
                raise why
            time.sleep(LOOK)


def report_progress(trial: Trial, run: TrialRun, fold: int) -> None:
    """Tells the study the epochs that it has not heard of."""
    known = trial.study.get_trials(deepcopy=False)[trial.number].intermediate_values
    for epoch, score in run.progress().items():
        if FOLD_STEP_OFFSET * fold + epoch not in known:
            trial.report(score, FOLD_STEP_OFFSET * fold + epoch)


def run_trials(search: Search, workers: int) -> bool:
    """Works with so many processes at once until every trial is done; False if a signal cut it short."""
    search.open()
    stop = threading.Event()
    return spread(lambda cores: SearchWorker(search, cores, stop).work(), workers, stop)


def format_fields(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def log_line(text: str) -> None:
    """A line to the person at the terminal."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
