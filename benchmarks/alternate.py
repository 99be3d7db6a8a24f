"""Comparison of programs by fresh processes that alternate: A B A B.

What slows the machine down meanwhile slows all of them down. Of every round the ratio of the two
durations is taken; the comparison is the median of the ratios, with the smallest, the largest and
the quartiles.
"""

import argparse
import importlib.util
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from benchmarks.measurement import read_lines
from gv_jax.cli.huge_pages import huge_page_environment
from gv_jax.jobs.processes import last_error_line

OURS = "gv_jax"
# Name -> module and first arguments of the program that measures a case
PROGRAMS = {
    OURS: ("benchmarks.speed",),
    "torch": ("benchmarks.torch_speed",),
    "torch-compile": ("benchmarks.torch_speed", "--compile"),
}
ROUNDS, MIN_ROUNDS = 5, 2

Line = dict[str, Any]


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Adds --against and --rounds."""
    parser.add_argument(
        "--against",
        action="append",
        default=[],
        choices=[program for program in PROGRAMS if program != OURS],
        help="compare with this program; may be given several times",
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="processes of each program")


def read_programs(
    parser: argparse.ArgumentParser, options: argparse.Namespace
) -> dict[str, tuple[str, ...]]:
    """The programs of the command line, the project's first; ends with one line if one is missing.

    Args:
        parser: with the flags of `add_flags`.
        options: what it parsed.
    """
    check_rounds(parser, options.rounds)
    if options.against:
        check_torch(parser)
    return {program: PROGRAMS[program] for program in dict.fromkeys([OURS, *options.against])}


def check_rounds(parser: argparse.ArgumentParser, rounds: int) -> None:
    """Ends with one line if quartiles of so few rounds do not exist."""
    if rounds < MIN_ROUNDS:
        parser.error(f"--rounds is {rounds}: give at least {MIN_ROUNDS}")


def check_torch(parser: argparse.ArgumentParser) -> None:
    """Ends with one line unless PyTorch and timm are installed."""
    missing = [name for name in ("torch", "timm") if importlib.util.find_spec(name) is None]
    if missing:
        parser.error(f"a comparison with PyTorch needs {' and '.join(missing)}: install it")


def run_command(command: Sequence[str]) -> Line:
    """The last JSON line that a new process prints.

    It has huge pages, as `gv-jax` has. Ends this process with one line if the other one failed or
    printed none.
    """
    environment = huge_page_environment(os.environ)
    process = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    lines = list(read_lines(process.stdout))
    if process.returncode or not lines:
        reason = last_error_line(process.stderr, process.returncode)
        sys.exit(f"{' '.join(command)}: {reason}")
    return lines[-1]


def compare(
    commands: Mapping[str, Sequence[str]], rounds: int, report: Callable[[Line], None]
) -> Iterator[Line]:
    """Runs the commands of one case in turns and yields one line per opponent.

    Args:
        commands: by program, OURS among them; each prints a JSON line with "name", "ms" and
            "parameters".
        rounds: processes of each command.
        report: gets every line of a process when it ends.

    Yields:
        The ratios of an opponent; with several opponents also of the "fastest" of them, that with
        the smallest median ratio.
    """
    lines: dict[str, list[Line]] = {program: [] for program in commands}
    for index in range(rounds):
        for program, command in commands.items():
            line = run_command(command)
            lines[program].append(line)
            report({"program": program, "round": index + 1, **line})
    check_parameters(lines)
    comparisons = [
        {"name": lines[OURS][0]["name"], "against": program, **summarize(lines[OURS], others)}
        for program, others in lines.items()
        if program != OURS
    ]
    yield from comparisons
    if len(comparisons) > 1:
        fastest = min(comparisons, key=lambda comparison: comparison["ratio"])
        yield {**fastest, "against": "fastest", "program": fastest["against"]}


def summarize(ours: Sequence[Line], others: Sequence[Line]) -> Line:
    """Median, quartiles and range of the ratios of the rounds, above 1 where `ours` is faster."""
    pairs = zip(ours, others, strict=True)
    ratios = [other["ms"] / our["ms"] for our, other in pairs]
    first, median, third = statistics.quantiles(ratios, n=4, method="inclusive")
    return {
        "ratio": round(median, 3),
        "quartiles": [round(first, 3), round(third, 3)],
        "range": [round(min(ratios), 3), round(max(ratios), 3)],
        "rounds": len(ratios),
        "ms": statistics.median(line["ms"] for line in ours),
        "other_ms": statistics.median(line["ms"] for line in others),
    }


def check_parameters(lines: Mapping[str, Sequence[Line]]) -> None:
    """Ends with one line unless the networks of all programs have as many parameters."""
    counts = {program: measured[0]["parameters"] for program, measured in lines.items()}
    if len(set(counts.values())) > 1:
        text = ", ".join(f"{program} {count:,}" for program, count in counts.items())
        sys.exit(f"{lines[OURS][0]['name']}: the networks differ in their parameters: {text}")
