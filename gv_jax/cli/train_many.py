"""`gv-jax train-many`: train several runs in one program, which pays on a GPU.

    gv-jax train-many --workdir=runs/a --config=configs/quickstart.py --config.seed=0 --and \\
        --workdir=runs/b --config=configs/quickstart.py --config.seed=1

The runs are separated by --and. Those that are equal except for seed, learning rate, weight decay,
dropout and label smoothing are trained together, others one after the other. Each leaves an
ordinary run directory. On a CPU, processes are faster.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gv_jax.cli.flags import (
    OneLineParser,
    add_data_flags,
    add_records_flag,
    echo,
    load_config,
    parse_path,
)
from gv_jax.cli.license_remarks import echo_license_remarks
from gv_jax.errors import INTERRUPTED_STATUS, UserError

if TYPE_CHECKING:
    from gv_jax.vectorized import Member

SEPARATOR = "--and"


def train_many(arguments: Sequence[str]) -> int:
    """Trains, evaluates and reports the runs, and prints one line for each.

    Returns:
        0; 130 if they were interrupted and their state is saved.
    """
    members = parse_members(arguments)

    from gv_jax import vectorized
    from gv_jax.training.fit import InterruptedRun

    models = [member.config.model for member in members]
    variants = [{"model.name": one.name, "model.pretrained": one.pretrained} for one in models]
    echo_license_remarks(members[0].config, variants)
    try:
        for line in vectorized.run_members(members):
            echo(line)
    except InterruptedRun as stop:
        echo(f"{stop}; state saved: run the same command to resume")
        return INTERRUPTED_STATUS
    return 0


def parse_members(arguments: Sequence[str]) -> list["Member"]:
    """The runs that the command line describes."""
    parser = OneLineParser("train-many", (__doc__ or "").partition(": ")[2])
    parser.add_argument("--workdir", type=parse_path, metavar="DIR", help="run directory")
    parser.add_argument(
        "--config", metavar="FILE", default="", help="config file, such as those in configs/"
    )
    add_data_flags(parser)
    add_records_flag(parser)
    members = [parse_member(parser, part) for part in split_arguments(arguments)]
    if len({member.workdir.resolve() for member in members}) < len(members):
        raise UserError("two runs have the same --workdir")
    return members


def parse_member(parser: OneLineParser, arguments: Sequence[str]) -> "Member":
    """The run that the arguments between two separators describe."""
    options, fields = parser.parse_with_fields(arguments)
    if not options.workdir:
        run = f"the run {' '.join(arguments)!r}" if arguments else "a run without arguments"
        raise UserError(f"{run} has no run directory: give each run its --workdir=DIR")
    config = load_config(options.config, fields)

    from gv_jax.run_data import DataPolicy
    from gv_jax.vectorized import Member

    policy = DataPolicy(options.on_changed_data, options.data_records)
    return Member(config, options.workdir, tuple(arguments), policy)


def split_arguments(arguments: Sequence[str]) -> list[list[str]]:
    """The arguments between the separators."""
    parts: list[list[str]] = [[]]
    for word in arguments:
        if word == SEPARATOR:
            parts.append([])
        else:
            parts[-1].append(word)
    return parts
