"""A question, the variants that answer it, and the run folders of every variant and seed."""

import ast
import json
import shlex
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from gv_jax.ablation.claims import newest
from gv_jax.errors import UserError, unknown
from gv_jax.training.run_dir import RunDir, flatten, write_text

Overrides = Mapping[str, Any]  # a field of the configuration without "config." -> its value


@dataclass(frozen=True)
class Run:
    """One variant with one seed."""

    study: "Ablation"
    variant: str
    seed: int

    @property
    def name(self) -> str:
        return f"{self.variant}-seed{self.seed}"

    @property
    def folder(self) -> RunDir:
        return RunDir(self.study.folder / "runs" / self.variant / f"seed{self.seed}")

    @property
    def log(self) -> Path:
        """What the run wrote to the terminal."""
        return self.study.folder / "logs" / f"{self.name}.log"

    @property
    def value(self) -> float:
        """What a finished run reached, in the study's metric.

        Raises:
            UserError: there is no such split, or no such number.
        """
        results = self.folder.results or {}
        split, name = self.study.metric.split(".", 1)
        if split not in results:
            there = [part for part in ("train", "valid", "test") if part in results]
            raise UserError(
                f"the runs have no split {split!r}, only {', '.join(there)}: compare by another one, as with "
                f"--metric={there[-1]}.{name}"
            )
        if name not in results[split]:
            raise unknown(f"metric of the {split} split", name, results[split])
        return results[split][name]

    @property
    def failure(self) -> str:
        """Why it failed, or cannot be used; empty if neither."""
        file = self.study.folder / "failed" / f"{self.name}.txt"
        return file.read_text("utf-8").strip() if file.exists() else self.stranger()

    @property
    def state(self) -> str:
        """finished, failed, running (somebody claims it) or missing."""
        if self.failure:
            return "failed"
        if self.folder.finished:
            return "finished"
        claims = self.study.claims
        return "running" if claims.is_dir() and newest(claims, self.name) else "missing"

    def fail(self, why: str) -> None:
        file = self.study.folder / "failed" / f"{self.name}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        write_text(file, why + "\n")

    def forgive(self) -> None:
        """Forgets that it failed, so that it is tried again."""
        (self.study.folder / "failed" / f"{self.name}.txt").unlink(missing_ok=True)

    def stranger(self) -> str:
        """In which field its folder holds a run of another configuration; empty if in none."""
        file = self.folder.path / "config.json"
        if file.exists():
            theirs = flatten(json.loads(file.read_text("utf-8"))["config"])
            for name, value in self.fields.items():
                if name in theirs and theirs[name] != to_json_value(value):
                    return f"{self.folder.path} holds another run, with {name} = {theirs[name]}: remove that folder"
        return ""

    @property
    def fields(self) -> dict[str, Any]:
        """What it changes of the configuration."""
        return {**self.study.variants[self.variant], **self.study.common, "seed": self.seed}

    def kind(self, varied: Collection[str]) -> str:
        """The same for runs that differ in the fields `varied` only."""
        return repr(
            sorted(
                (name, to_json_value(value))
                for name, value in self.fields.items()
                if name not in varied
            )
        )

    @property
    def arguments(self) -> list[str]:
        """Of `python -m gv_jax.main`, without the run folder."""
        return [
            f"--config={self.study.config}",
            *(f"--config.{name}={value}" for name, value in self.fields.items()),
        ]

    @property
    def command(self) -> list[str]:
        return [
            sys.executable,
            "-m",
            "gv_jax.main",
            f"--workdir={self.folder.path}",
            *self.arguments,
        ]

    @property
    def typed(self) -> str:
        """The command as a person would type it."""
        return shlex.join(["python", "-m", "gv_jax.main", *self.arguments])


@dataclass(frozen=True)
class Ablation:
    """Variants of one configuration, each with the same seeds.

    question: what it is to answer; the first line is its title. config: file under configs/. variants: name ->
    overrides. common: overrides of every variant. reference: the variant that the others are compared with.
    metric: split and name in results.json, such as "test.accuracy". folder: results/<name>.
    """

    name: str
    question: str
    config: str
    variants: Mapping[str, Overrides]
    reference: str
    seeds: int
    folder: Path
    common: Overrides = field(default_factory=dict)
    metric: str = "test.accuracy"

    def __post_init__(self) -> None:
        assert self.reference in self.variants, f"the reference {self.reference!r} is no variant"
        assert self.seeds > 0

    @property
    def claims(self) -> Path:
        return self.folder / "claims"

    @cached_property
    def runs(self) -> list[Run]:
        """Seed by seed, so that a study that is cut short has every variant."""
        return [Run(self, variant, seed) for seed in range(self.seeds) for variant in self.variants]

    @property
    def finished(self) -> list[Run]:
        return [run for run in self.runs if run.state == "finished"]


def to_json_value(value: Any) -> Any:
    """A value as config.json has it: what was typed read, tuples as lists."""
    if isinstance(value, str):
        try:
            value = ast.literal_eval(value)
        except (SyntaxError, ValueError):
            return value
    return list(value) if isinstance(value, tuple) else value
