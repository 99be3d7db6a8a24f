"""How a run was made: command, config, cost, versions and commit."""

import json
import shlex
from collections.abc import Mapping
from typing import Any

from flax.traverse_util import flatten_dict

from gv_jax.models.pretrained.weights_record import recorded_license
from gv_jax.reporting.formatting import NO_VALUE, format_value, heading
from gv_jax.reporting.page import Block, Cell, Details, Grid, Section, Table, Text


def provenance_section(
    results: Mapping[str, Any],
    metadata: Mapping[str, Any],
    default_config: Mapping[str, Any] | None,
) -> Section:
    """Command, config, cost, versions and commit of the run.

    Args:
        results: The content of results.json.
        metadata: The content of config.json.
        default_config: The config that differences are reported from.
    """
    config = flatten_dict(metadata.get("config", {}), sep=".") | find_evaluated(results)
    timing = results.get("timing", {})
    tables = []
    if default_config is not None:
        defaults = flatten_dict(json.loads(json.dumps(default_config)), sep=".")
        rows = [
            [
                Cell(name),
                Cell(format_config_value(defaults.get(name))),
                Cell(format_config_value(value)),
            ]
            for name, value in config.items()
            if value != defaults.get(name)
        ]
        caption = "Fields of the config that differ from the defaults."
        tables.append(Table(("Field", "Default", "This run"), rows, caption))
    weights = results.get("weights")
    if weights:
        tables.append(weights_table(weights))
    if timing:
        rows = [
            [Cell(heading(name)), Cell(format_value(name, value), numeric=True)]
            for name, value in timing.items()
        ]
        tables.append(Table(("Time and memory", ""), rows))
    lines = "\n".join(f"{name} = {format_config_value(value)}" for name, value in config.items())
    versions = ", ".join(
        f"{name} {version}" for name, version in metadata.get("versions", {}).items() if version
    )
    commit = f" Commit {metadata['git_commit'][:12]}." if metadata.get("git_commit") else ""
    command = Text(shlex.join(metadata.get("command", [])), code=True)
    blocks: list[Block] = [command, *([Grid(tables)] if len(tables) > 1 else tables)]
    blocks += [Details("Full config", lines), Text(f"{versions}.{commit}")]
    return Section("Reproducibility", blocks)


def find_evaluated(results: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of the config that an evaluation may change, as they were in the last one."""
    fields = {"generation": results.get("sampling", {}), "tta": results.get("tta", {})}
    return flatten_dict(json.loads(json.dumps(fields)), sep=".")


def weights_table(record: Mapping[str, str]) -> Table:
    """Source and license of the initial weights, and what the license restricts."""
    license = recorded_license(record)
    rows = {
        "Source": record["source"],
        "License": str(license),
        "Terms": license.link,
        "Note": license.restriction,
    }
    cells = [[Cell(name), Cell(value)] for name, value in rows.items() if value]
    return Table(("Weights", ""), cells, "The weights that the training started from.")


def format_config_value(value: Any) -> str:
    """A value of the config as JSON; a dash for None."""
    return NO_VALUE if value is None else json.dumps(value, ensure_ascii=False)
