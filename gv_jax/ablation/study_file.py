"""The files of experiments/: a docstring, CONFIG, VARIANTS, REFERENCE and optional constants.

Imports nothing heavy: `gv-jax ablate` reports mistakes within a fraction of a second.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gv_jax.errors import UserError, unknown
from gv_jax.user_file import run_user_file

Overrides = Mapping[str, Any]  # a field of the configuration without "config." -> its value
SMOKE: Overrides = {"train.epochs": 1, "train.steps_per_epoch": 2, "train.valid_batches": 2}


@dataclass(frozen=True)
class StudyFile:
    """What a file of experiments/ defines.

    Attributes:
        name: of the file, without .py.
        description: its docstring, the question that the ablation examines.
        config: CONFIG, the config file of every variant.
        variants: VARIANTS, name -> overrides.
        references: variant -> the one with which it is compared, from REFERENCE.
        seeds: SEEDS, number of runs per variant.
        metric: METRIC, split and name in results.json; "": the main one of the task.
        smoke: SMOKE, overrides of a smoke test in addition to those of every smoke test.
    """

    name: str
    description: str
    config: str
    variants: Mapping[str, Overrides]
    references: Mapping[str, str]
    seeds: int = 3
    metric: str = ""
    smoke: Overrides = field(default_factory=dict)


def read_study_file(file: str) -> StudyFile:
    """Executes a file of experiments/ and checks what it defines.

    Raises:
        UserError: there is no such file, or a constant is missing or wrong.
    """
    if not Path(file).is_file():
        raise UserError(f"no file {file}: see the files under experiments/")
    names = run_user_file(file)
    for name in ("CONFIG", "VARIANTS", "REFERENCE"):
        if not names.get(name):
            raise UserError(f"{file}: {name} is missing")
    description = (names["__doc__"] or "").strip()
    if not description:
        raise UserError(f"{file}: the docstring is missing; it states the question")
    variants = names["VARIANTS"]
    if not isinstance(variants, dict) or not all(isinstance(v, dict) for v in variants.values()):
        raise UserError(f"{file}: VARIANTS is not a dict of name -> overrides")
    for name in variants:
        if not isinstance(name, str) or not name.strip() or not name.isprintable():
            raise UserError(f"{file}: the variant {name!r} needs a name of printable text")
    return StudyFile(
        Path(file).stem,
        description,
        names["CONFIG"],
        variants,
        read_references(file, names["REFERENCE"], variants),
        names.get("SEEDS", StudyFile.seeds),
        names.get("METRIC", StudyFile.metric),
        names.get("SMOKE", {}),
    )


def read_references(file: str, value: Any, variants: Collection[str]) -> dict[str, str]:
    """Variant -> the one with which it is compared; variants that are not compared are left out.

    Args:
        file: for the message.
        value: REFERENCE: a variant, with which all others are compared, or the mapping itself.
        variants: names of all variants.

    Raises:
        UserError: there is no such variant, or one is compared with itself.
    """
    references = value
    if not isinstance(value, dict):
        references = {name: value for name in variants if name != value}
    for name, reference in references.items():
        for known in map(str, (name, reference)):
            if known not in variants:
                raise unknown(f"variant (REFERENCE of {file})", known, variants)
        if name == reference:
            raise UserError(f"{file}: REFERENCE compares {name!r} with itself")
    return references


def conflicting_overrides(
    variants: Mapping[str, Overrides], fields: Collection[str]
) -> dict[str, list[str]]:
    """Fields of the command line that variants set too -> these variants, which lose theirs."""
    conflicts = {
        field: [name for name, overrides in variants.items() if field in overrides]
        for field in fields
    }
    return {field: names for field, names in conflicts.items() if names}
