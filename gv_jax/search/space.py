"""What a search may choose from: fields of the configuration, without "config.", and the values of each."""

import itertools
import runpy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gv_jax.errors import UserError, unknown

SPACES_DIR = Path("configs/spaces")


@dataclass(frozen=True)
class Categorical:
    """One of `values`, whatever they are: numbers, names, tuples."""

    values: tuple[Any, ...]

    def suggest(self, trial: Any, name: str) -> Any:
        told = {str(value): value for value in self.values}  # Optuna keeps texts and numbers only
        return told[trial.suggest_categorical(name, list(told))]

    def points(self) -> list[Any]:
        return [str(value) for value in self.values]


@dataclass(frozen=True)
class Float:
    """A number from `low` to `high`, by its logarithm where `log`; in a grid, so many `steps` evenly spread."""

    low: float
    high: float
    log: bool = False
    steps: int = 3

    def suggest(self, trial: Any, name: str) -> float:
        return trial.suggest_float(name, self.low, self.high, log=self.log)

    def points(self) -> list[float]:
        shares = [step / max(self.steps - 1, 1) for step in range(self.steps)]
        if self.log:
            found = [self.low * (self.high / self.low) ** share for share in shares]
        else:
            found = [self.low + (self.high - self.low) * share for share in shares]
        return [min(max(value, self.low), self.high) for value in found]


@dataclass(frozen=True)
class Int(Float):
    """The same with whole numbers."""

    def suggest(self, trial: Any, name: str) -> int:
        return trial.suggest_int(name, int(self.low), int(self.high), log=self.log)

    def points(self) -> list[float]:
        return sorted({round(value) for value in super().points()})


Space = Mapping[str, Categorical | Float]


def load_space(name: str) -> Space:
    """The `SPACE` of a Python file, or of the one of that name in configs/spaces. UserError where there is none."""
    named = SPACES_DIR / f"{name}.py"
    file = named if named.is_file() else Path(name)
    if not file.is_file():
        raise unknown(
            "file of a space, and no space,",
            name,
            [place.stem for place in SPACES_DIR.glob("*.py")],
        )
    space = runpy.run_path(str(file)).get("SPACE")
    if not isinstance(space, dict) or not space:
        raise UserError(
            f'{file}: has no SPACE = {{"optimizer.learning_rate": Real(1e-4, 1e-2, log=True), …}}'
        )
    for field, values in space.items():
        if not isinstance(values, Categorical | Float) or not grid_size(values):
            raise UserError(
                f"{file}: {field} is {values!r}: give Choice, Real or Whole with something to choose from"
            )
    return space


def grid_size(values: Categorical | Float) -> bool:
    """Whether there is something to choose from."""
    if isinstance(values, Categorical):
        return len(values.values) > 0
    return values.low <= values.high and values.steps > 0 and not (values.log and values.low <= 0)


def grid_points(space: Space) -> list[dict[str, Any]]:
    """Every combination."""
    names = list(space)
    return [
        dict(zip(names, values, strict=True))
        for values in itertools.product(*(space[name].points() for name in names))
    ]


def suggest_fields(trial: Any, space: Space) -> dict[str, Any]:
    """The values of an Optuna trial, drawn the first time."""
    return {name: values.suggest(trial, name) for name, values in space.items()}
