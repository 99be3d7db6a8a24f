"""Search spaces: config fields, without "config.", and the values that each can have."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gv_jax.errors import UserError, unknown
from gv_jax.user_file import run_user_file

SPACES_DIR = Path("configs/spaces")
EXAMPLE_SPACE = 'SPACE = {"optimizer.learning_rate": Float(1e-4, 1e-2, log=True), ...}'


@dataclass(frozen=True)
class Categorical:
    """One of `values` of any type: numbers, names, tuples."""

    values: tuple[Any, ...]

    def suggest(self, trial: Any, name: str) -> Any:
        """The value in an Optuna trial, which stores its text."""
        by_text = {str(value): value for value in self.values}
        return by_text[trial.suggest_categorical(name, list(by_text))]

    def grid_values(self) -> list[Any]:
        """The values of a grid, as Optuna stores them."""
        return [str(value) for value in self.values]

    @property
    def is_valid(self) -> bool:
        """Whether there are values, all with different texts."""
        return 0 < len(self.values) == len(set(map(str, self.values)))


@dataclass(frozen=True)
class Float:
    """A number in [low, high].

    Attributes:
        low: lower bound.
        high: upper bound.
        log: whether it is drawn on a logarithmic scale.
        steps: number of evenly spaced values in a grid.
    """

    low: float
    high: float
    log: bool = False
    steps: int = 3

    def suggest(self, trial: Any, name: str) -> float:
        """The value in an Optuna trial."""
        return trial.suggest_float(name, self.low, self.high, log=self.log)

    def grid_values(self) -> list[float]:
        """The values of a grid."""
        fractions = [step / max(self.steps - 1, 1) for step in range(self.steps)]
        if self.log:
            values = [self.low * (self.high / self.low) ** fraction for fraction in fractions]
        else:
            values = [self.low + (self.high - self.low) * fraction for fraction in fractions]
        return [min(max(value, self.low), self.high) for value in values]

    @property
    def is_valid(self) -> bool:
        return self.low <= self.high and self.steps > 0 and not (self.log and self.low <= 0)


@dataclass(frozen=True)
class Int(Float):
    """An integer in [low, high]."""

    def suggest(self, trial: Any, name: str) -> int:
        return trial.suggest_int(name, int(self.low), int(self.high), log=self.log)

    def grid_values(self) -> list[float]:
        return sorted({round(value) for value in super().grid_values()})


Space = Mapping[str, Categorical | Float]


def load_space(name: str) -> Space:
    """The SPACE of a Python file, given by its path or by its name in configs/spaces.

    Raises:
        UserError: there is no such file, or its SPACE is missing or invalid.
    """
    named = SPACES_DIR / f"{name}.py"
    file = named if named.is_file() else Path(name)
    if not file.is_file():
        raise unknown("space or file", name, [file.stem for file in SPACES_DIR.glob("*.py")])
    space = run_user_file(str(file)).get("SPACE")
    if not isinstance(space, dict) or not space:
        raise UserError(f"{file}: {EXAMPLE_SPACE} is missing")
    for field, values in space.items():
        if not isinstance(values, Categorical | Float) or not values.is_valid:
            raise UserError(
                f"{file}: {field} is {values!r}: give a Categorical, Float or Int with at least "
                "one value and without equal ones"
            )
    return space


def grid_points(space: Space) -> list[dict[str, Any]]:
    """Every combination of the grid values."""
    combinations = itertools.product(*(values.grid_values() for values in space.values()))
    return [dict(zip(space, values, strict=True)) for values in combinations]


def suggest_fields(trial: Any, space: Space) -> dict[str, Any]:
    """The values of an Optuna trial, drawn at the first call."""
    return {name: values.suggest(trial, name) for name, values in space.items()}
