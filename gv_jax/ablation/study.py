"""An ablation: its question, its variants, and the run directory of every variant and seed."""

import ast
import hashlib
import re
import shlex
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from flax.traverse_util import flatten_dict

from gv_jax.ablation.study_file import Overrides
from gv_jax.errors import UserError, unknown
from gv_jax.jobs import Job
from gv_jax.training.run_dir import LOCATION_FIELDS, RunDir

MAX_STEM = 60  # characters


@dataclass(frozen=True)
class AblationRun:
    """One variant with one seed."""

    ablation: "Ablation"
    variant: str
    seed: int

    @property
    def name(self) -> str:
        return f"{file_stem(self.variant)}-seed{self.seed}"

    @property
    def run_dir(self) -> RunDir:
        return RunDir(self.ablation.folder / "runs" / file_stem(self.variant) / f"seed{self.seed}")

    @property
    def job(self) -> Job:
        """The process that executes the run."""
        return Job(
            name=self.name,
            command=(sys.executable, "-m", "gv_jax.main", *self.job_arguments),
            run_dirs=(self.run_dir.path,),
            log=self.ablation.logs / f"{self.name}.log",
        )

    @property
    def value(self) -> float:
        """The ablation's metric in the results of the finished run.

        Raises:
            UserError: the results have no such split or metric.
        """
        results = self.run_dir.results or {}
        split, metric = self.ablation.split, self.ablation.metric_name
        if split not in results:
            valid = [name for name in ("train", "valid", "test") if name in results]
            raise UserError(
                f"--metric={self.ablation.metric}: the runs have no split {split!r}; use another "
                f"one, as in --metric={valid[-1]}.{metric}"
            )
        if metric not in results[split]:
            raise unknown(f"metric of the {split} split", metric, results[split])
        return results[split][metric]

    @property
    def failure(self) -> str:
        """Why it failed or cannot be used; "" if neither."""
        return self.job.failure or self.config_mismatch()

    @property
    def finished(self) -> bool:
        """Whether its results can be used."""
        return self.run_dir.finished and not self.failure

    @property
    def ended(self) -> bool:
        """Whether nothing is left to run."""
        return self.run_dir.finished or bool(self.failure)

    def config_mismatch(self) -> str:
        """The field in which its directory holds a run of another configuration; "" if none."""
        if not (self.run_dir.path / "config.json").exists():
            return ""
        stored = flatten_dict(self.run_dir.config, sep=".")
        for name, value in self.fields.items():
            if name in LOCATION_FIELDS:
                continue  # data.json says which images they were
            if name in stored and stored[name] != to_json_value(value):
                return (
                    f"{self.run_dir.path} holds another run, with {name} = {stored[name]}: remove "
                    "that folder, or give another --results"
                )
        return ""

    @property
    def fields(self) -> dict[str, Any]:
        """Its overrides of the configuration."""
        return {
            **self.ablation.variants[self.variant],
            **self.ablation.overrides,
            "seed": self.seed,
        }

    def group_key(self, vmapped_fields: Collection[str]) -> str:
        """A key that is equal for runs that differ in `vmapped_fields` only."""
        fixed = ((name, value) for name, value in self.fields.items() if name not in vmapped_fields)
        return repr(sorted((name, to_json_value(value)) for name, value in fixed))

    @property
    def arguments(self) -> list[str]:
        """Arguments of `gv-jax train`, without --workdir and those of the study."""
        fields = (f"--config.{name}={value}" for name, value in self.fields.items())
        return [f"--config={self.ablation.config}", *fields]

    @property
    def job_arguments(self) -> list[str]:
        """Arguments of `gv-jax train` for the process that executes the run."""
        return [
            f"--workdir={self.run_dir.path}",
            f"--data-records={self.ablation.data_records}",
            f"--on-changed-data={self.ablation.on_changed_data}",
            *self.arguments,
        ]

    @property
    def shell_command(self) -> str:
        """The run as a command for a shell."""
        return shlex.join(["gv-jax", "train", *self.arguments])


@dataclass(frozen=True)
class Ablation:
    """Variants of one configuration, each with the same seeds.

    Attributes:
        name: of the study.
        description: the question it examines; its first paragraph heads the report.
        config: config file of every variant, under configs/.
        variants: name -> overrides of config fields.
        references: variant -> the one with which it is compared; the others are not compared.
        seeds: number of runs per variant, with seeds 0, 1, ...
        folder: results/<name>.
        overrides: of every variant, from the command line.
        metric: split and name in results.json, as in "test.accuracy".
        on_changed_data: "reject" or "keep", see `run_data.DataPolicy`.
    """

    name: str
    description: str
    config: str
    variants: Mapping[str, Overrides]
    references: Mapping[str, str]
    seeds: int
    folder: Path
    overrides: Overrides = field(default_factory=dict)
    metric: str = "test.accuracy"
    on_changed_data: str = "reject"

    @property
    def data_records(self) -> Path:
        """The folder of the images that its runs began with."""
        return self.folder / "data"

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def report(self) -> Path:
        return self.folder / "report.html"

    @property
    def split(self) -> str:
        """The split of the metric: "test" of "test.accuracy"."""
        return self.metric.partition(".")[0]

    @property
    def metric_name(self) -> str:
        """The metric without its split: "accuracy" of "test.accuracy"."""
        return self.metric.partition(".")[2]

    @property
    def reference(self) -> str:
        """The variant with which the others are compared; "" if there are several."""
        names = set(self.references.values())
        return names.pop() if len(names) == 1 else ""

    def comparison_name(self, variant: str) -> str:
        """A variant that is compared: "wide", or with several references "wide vs. plain"."""
        return variant if self.reference else f"{variant} vs. {self.references[variant]}"

    @cached_property
    def runs(self) -> list[AblationRun]:
        """All runs, ordered by seed, so that an interrupted ablation has every variant."""
        return [
            AblationRun(self, variant, seed)
            for seed in range(self.seeds)
            for variant in self.variants
        ]

    @property
    def finished(self) -> list[AblationRun]:
        return [run for run in self.runs if run.finished]

    def finished_of(self, variant: str) -> list[AblationRun]:
        """The finished runs of one variant."""
        return [run for run in self.finished if run.variant == variant]


def file_stem(name: str) -> str:
    """The name of a variant as part of a file name: itself, if it is one in every file system.

    Else other characters become underscores and a hash keeps it distinguishable.
    """
    stem = re.sub(r"[^\w.-]+", "_", name, flags=re.ASCII)
    if stem == name and len(name) <= MAX_STEM and not name.startswith((".", "-")):
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:6]
    return f"{stem[:MAX_STEM].strip('._-') or 'variant'}-{digest}"


def to_json_value(value: Any) -> Any:
    """A value as config.json stores it: text of the command line parsed, tuples as lists."""
    if isinstance(value, str):
        try:
            value = ast.literal_eval(value)
        except (SyntaxError, ValueError):
            return value
    return list(value) if isinstance(value, tuple) else value
