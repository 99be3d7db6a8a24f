"""The trials of a search, on a storage that processes and machines share; each has a run for every fold."""

import logging
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial, Trial, TrialState

from gv_jax.ablation.claims import Claim, claimed, take
from gv_jax.errors import UserError
from gv_jax.search.space import Space, grid_points, suggest_fields
from gv_jax.training.run_dir import RunDir

SAMPLERS = {
    "tpe": optuna.samplers.TPESampler,
    "random": optuna.samplers.RandomSampler,
    "grid": None,
}
MINIMIZED = ("loss", "mse", "ece")  # metrics of which less is better
STARTUP_TRIALS, WARMUP_STEPS = 5, 5  # trials that are never cut short, and epochs of each other one
FOLD_STEP_OFFSET = 1000  # between the first epochs of two folds, as Optuna counts them

for name in ("optuna", "optuna.storages"):  # it tells of every trial
    logging.getLogger(name).setLevel(logging.ERROR)


@dataclass(frozen=True)
class Search:
    """config: file under configs/. space: what is varied. method: in SAMPLERS. count: trials in all. folds: of the
    training split, over which a trial is averaged; 0: the data set's own validation split. common: overrides of every
    trial. metric: split and name in results.json. prune: end trials early that are worse than the middle one.
    """

    config: str
    space: Space
    method: str
    count: int
    folds: int
    metric: str
    folder: Path
    prune: bool = True
    seed: int = 0
    common: Mapping[str, Any] = field(default_factory=dict)

    @property
    def claims(self) -> Path:
        return self.folder / "claims"

    @property
    def maximized(self) -> bool:
        return self.metric.split(".")[1] not in MINIMIZED

    @property
    def question(self) -> dict[str, Any]:
        """What has to be the same for trials to be of one search."""
        space = {name: repr(values) for name, values in self.space.items()}
        common = {name: str(value) for name, value in self.common.items()}
        return {
            "config": self.config,
            "space": space,
            "folds": self.folds,
            "metric": self.metric,
            "common": common,
        }

    def open(self) -> optuna.Study:
        """The study of the folder. UserError where it is of another search."""
        self.folder.mkdir(parents=True, exist_ok=True)
        file = str(self.folder / "journal.log")
        study = optuna.create_study(
            storage=JournalStorage(JournalFileBackend(file, lock_obj=JournalFileOpenLock(file))),
            pruner=optuna.pruners.MedianPruner(
                n_startup_trials=STARTUP_TRIALS, n_warmup_steps=WARMUP_STEPS
            )
            if self.prune
            else optuna.pruners.NopPruner(),
            study_name="search",
            direction="maximize" if self.maximized else "minimize",
            load_if_exists=True,
        )
        theirs = study.user_attrs.get("question")
        if theirs is None:
            study.set_user_attr("question", self.question)
        elif theirs != self.question:
            changed = next(
                name for name in self.question if theirs.get(name) != self.question[name]
            )
            raise UserError(
                f"{self.folder} holds a search with another {changed} ({theirs.get(changed)}): give another "
                "--results, or remove that folder"
            )
        return study

    @cached_property
    def points(self) -> list[dict[str, Any]]:
        """Of a grid."""
        return grid_points(self.space)

    @property
    def total(self) -> int:
        return len(self.points) if self.method == "grid" else self.count

    def turn(self, study: optuna.Study) -> tuple[Trial, dict[str, Any], Claim] | None:
        """A trial to work on, its values and the claim to it: one whose worker has died, or a new one. None where
        there is none, or another worker is choosing."""
        with claimed(self.claims, "turn") as turn:
            if turn is None:
                return None
            trials = study.get_trials(deepcopy=False)
            for old in trials:
                if old.state == TrialState.RUNNING:
                    claim = take(self.claims, f"trial{old.number:05d}")
                    if claim is not None:
                        trial = Trial(study, old._trial_id)
                        return trial, suggest_fields(trial, self.space), claim
            begun = [trial for trial in trials if trial.state != TrialState.WAITING]
            if len(begun) >= self.total:
                return None
            if self.method == "grid":
                if len(begun) == len(trials):
                    study.enqueue_trial(self.points[len(trials)])
            else:
                study.sampler = SAMPLERS[self.method](seed=self.seed + len(trials))
            trial = study.ask()
            claim = take(self.claims, f"trial{trial.number:05d}")
            assert claim is not None, "a new trial has no other worker"
            return trial, suggest_fields(trial, self.space), claim

    def done(self, study: optuna.Study) -> bool:
        """Whether no trial is left to begin or to wait for."""
        trials = study.get_trials(deepcopy=False)
        return len(trials) >= self.total and all(trial.state.is_finished() for trial in trials)

    def run(self, number: int, values: Mapping[str, Any], fold: int) -> "TrialRun":
        held_out = {"data.folds": self.folds, "data.fold": fold} if self.folds else {}
        place = f"fold{fold}" if self.folds else "run"
        return TrialRun(
            self.folder / "trials" / f"{number:05d}" / place,
            {**self.common, **values, **held_out},
            self,
        )

    def runs(self, number: int, values: Mapping[str, Any]) -> list["TrialRun"]:
        return [self.run(number, values, fold) for fold in range(self.folds or 1)]

    def values(self, trial: FrozenTrial) -> dict[str, Any]:
        """What a trial was given."""
        return suggest_fields(optuna.trial.FixedTrial(trial.params), self.space)

    def typed(self, values: Mapping[str, Any]) -> str:
        """The command that trains with `values`, on all training pictures, as a person would type it."""
        return shlex.join(
            ["python", "-m", "gv_jax.main", *override_args(self.config, {**self.common, **values})]
        )


@dataclass(frozen=True)
class TrialRun:
    """One fold of a trial."""

    path: Path
    fields: Mapping[str, Any]
    search: Search

    @property
    def folder(self) -> RunDir:
        return RunDir(self.path)

    @property
    def log(self) -> Path:
        """What the run wrote to the terminal."""
        return self.path.with_suffix(".log")

    @property
    def command(self) -> list[str]:
        words = override_args(self.search.config, self.fields)
        return [sys.executable, "-m", "gv_jax.main", f"--workdir={self.path}", *words]

    @property
    def score(self) -> float:
        """Of the finished run."""
        split, metric = self.search.metric.split(".")
        found = (self.folder.results or {}).get(split, {})
        if metric not in found:
            raise UserError(
                f"{self.path} has no {self.search.metric}; it has {', '.join(found) or 'no such split'}"
            )
        return float(found[metric])

    def progress(self) -> dict[int, float]:
        """Epoch -> the score there, of those logged."""
        split, metric = self.search.metric.split(".")
        return {
            row["epoch"]: row[metric]
            for row in self.folder.rows()
            if row["split"] == split and metric in row
        }


def override_args(config: str, fields: Mapping[str, Any]) -> list[str]:
    """Of `python -m gv_jax.main`, without the run folder."""
    return [f"--config={config}", *(f"--config.{name}={value}" for name, value in fields.items())]


def mean_score(scores: list[float]) -> float:
    return float(np.mean(scores))
