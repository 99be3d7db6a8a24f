"""The trials of a search in an Optuna storage that processes share; each has a run per fold."""

import logging
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FixedTrial, FrozenTrial

from gv_jax.errors import UserError
from gv_jax.evaluation.metrics import lower_is_better
from gv_jax.jobs import Job
from gv_jax.search.journal import open_study
from gv_jax.search.space import Space, grid_points, suggest_fields
from gv_jax.training.run_dir import RunDir

STARTUP_TRIALS, WARMUP_EPOCHS = 5, 5  # trials without pruning; epochs without it in later trials

for logger in ("optuna", "optuna.storages"):  # they report every trial
    logging.getLogger(logger).setLevel(logging.ERROR)


@dataclass(frozen=True)
class Search:
    """A search in a space of configurations.

    Attributes:
        config: config file, under configs/.
        space: the fields that vary.
        method: "tpe", "random" or "grid".
        n_trials: number of trials; a grid has its own number.
        folds: number of parts of the training split over which a trial is cross-validated; 0 to
            use the validation split of the data set.
        metric: split and name in results.json, as in "valid.accuracy".
        folder: of the results.
        prune: whether trials that are worse than the median are stopped early.
        seed: of the sampler.
        overrides: config fields of every trial.
        on_changed_data: "reject" or "keep", see `run_data.DataPolicy`.
    """

    config: str
    space: Space
    method: str
    n_trials: int
    folds: int
    metric: str
    folder: Path
    prune: bool = True
    seed: int = 0
    overrides: Mapping[str, Any] = field(default_factory=dict)
    on_changed_data: str = "reject"

    @property
    def data_records(self) -> Path:
        """The folder of the images that its trials began with."""
        return self.folder / "data"

    @property
    def report(self) -> Path:
        return self.folder / "report.html"

    @property
    def split(self) -> str:
        """The split of the metric: "valid" of "valid.accuracy"."""
        return self.metric.partition(".")[0]

    @property
    def metric_name(self) -> str:
        """The metric without its split: "accuracy" of "valid.accuracy"."""
        return self.metric.partition(".")[2]

    @property
    def maximize(self) -> bool:
        return not lower_is_better(self.metric)

    @property
    def signature(self) -> dict[str, Any]:
        """What must be equal for trials to belong to one search."""
        return {
            "config": self.config,
            "space": {name: repr(values) for name, values in self.space.items()},
            "folds": self.folds,
            "metric": self.metric,
            "overrides": {name: str(value) for name, value in self.overrides.items()},
        }

    def open(self) -> optuna.Study:
        """The Optuna study of the folder, new or existing.

        Raises:
            UserError: the folder holds another search, or one of an older format.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        pruner = (
            optuna.pruners.MedianPruner(
                n_startup_trials=STARTUP_TRIALS, n_warmup_steps=WARMUP_EPOCHS
            )
            if self.prune
            else optuna.pruners.NopPruner()
        )
        study = open_study(self.folder / "journal.log", pruner, self.maximize)
        stored = study.user_attrs.get("signature")
        if stored is None and (study.user_attrs or study.get_trials(deepcopy=False)):
            raise UserError(
                f"{self.folder} holds a search of an older format: give another --results, or "
                "remove that folder"
            )
        if stored is None:
            study.set_user_attr("signature", self.signature)
        elif stored != self.signature:
            name = next(key for key, value in self.signature.items() if stored.get(key) != value)
            raise UserError(
                f"{self.folder} holds a search with another {name} ({stored.get(name)}): give "
                "another --results, or remove that folder"
            )
        return study

    @cached_property
    def grid(self) -> list[dict[str, Any]]:
        """The points of a grid search."""
        return grid_points(self.space)

    @property
    def total(self) -> int:
        """Number of trials."""
        return len(self.grid) if self.method == "grid" else self.n_trials

    def is_complete(self, study: optuna.Study) -> bool:
        """Whether every trial has ended."""
        trials = study.get_trials(deepcopy=False)
        return len(trials) >= self.total and all(trial.state.is_finished() for trial in trials)

    def trial_dir(self, number: int) -> Path:
        return self.folder / "trials" / f"{number:05d}"

    def make_run(self, number: int, values: Mapping[str, Any], fold: int) -> "TrialRun":
        """The run of a trial on one fold, or its only run without folds."""
        held_out = {"data.folds": self.folds, "data.fold": fold} if self.folds else {}
        path = self.trial_dir(number) / (f"fold{fold}" if self.folds else "run")
        return TrialRun(path, {**self.overrides, **values, **held_out}, self)

    def make_runs(self, number: int, values: Mapping[str, Any]) -> list["TrialRun"]:
        return [self.make_run(number, values, fold) for fold in range(self.folds or 1)]

    def values_of(self, trial: FrozenTrial) -> dict[str, Any]:
        """The values of the fields in a trial."""
        return suggest_fields(FixedTrial(trial.params), self.space)

    def shell_command(self, values: Mapping[str, Any]) -> str:
        """The command that trains with `values` on the whole training split."""
        arguments = override_args(self.config, {**self.overrides, **values})
        return shlex.join(["gv-jax", "train", *arguments])


@dataclass(frozen=True)
class TrialRun:
    """One fold of a trial."""

    path: Path
    fields: Mapping[str, Any]
    search: Search

    @property
    def run_dir(self) -> RunDir:
        return RunDir(self.path)

    @property
    def command(self) -> tuple[str, ...]:
        arguments = override_args(self.search.config, self.fields)
        return (
            *(sys.executable, "-m", "gv_jax.main", f"--workdir={self.path}"),
            f"--data-records={self.search.data_records}",
            f"--on-changed-data={self.search.on_changed_data}",
            *arguments,
        )

    @property
    def job(self) -> Job:
        """The process that executes the run."""
        name = f"{self.path.parent.name}-{self.path.name}"
        return Job(name, self.command, (self.path,), log=self.path.with_suffix(".log"))

    @property
    def score(self) -> float:
        """The metric of the finished run.

        Raises:
            UserError: the results have no such split or metric.
        """
        metrics = (self.run_dir.results or {}).get(self.search.split, {})
        if self.search.metric_name not in metrics:
            valid = ", ".join(metrics) or f"no split {self.search.split!r}"
            raise UserError(f"{self.path} has no metric {self.search.metric}; it has {valid}")
        return float(metrics[self.search.metric_name])

    def scores_by_epoch(self) -> dict[int, float]:
        """Epoch -> the metric, of the logged epochs."""
        return {
            row["epoch"]: row[self.search.metric_name]
            for row in self.run_dir.rows()
            if row["split"] == self.search.split and self.search.metric_name in row
        }


def override_args(config: str, fields: Mapping[str, Any]) -> list[str]:
    """Arguments of `gv-jax train`, without --workdir."""
    return [f"--config={config}", *(f"--config.{name}={value}" for name, value in fields.items())]
