"""`gv-jax train`: train, evaluate or summarize a model.

Every field of the configuration can follow, as in --config.optimizer.learning_rate=3e-4.
"""

import argparse
import logging
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from gv_jax.cli.cluster import add_cluster_flags, find_cluster
from gv_jax.cli.flags import (
    OneLineParser,
    add_data_flags,
    add_records_flag,
    echo,
    load_config,
    parse_path,
    run_command,
    silence_libraries,
)
from gv_jax.cli.supervisor import is_child, run_child, supervise
from gv_jax.config.default import Config
from gv_jax.errors import INTERRUPTED_STATUS, UserError

if TYPE_CHECKING:
    from gv_jax.training.run_dir import RunDir

MODES = {
    "train": "train, evaluate and report",
    "probe": "fit a linear classifier on frozen features instead of training",
    "evaluate": "evaluate and report a finished run again",
    "summary": "print the model layer by layer",
}
CLUSTER_MODES = ("train", "evaluate")  # which several processes can share


def make_train_parser() -> OneLineParser:
    parser = OneLineParser(
        "train",
        (__doc__ or "").partition(": ")[2],
        "With --config, --help lists every field with its value and meaning.",
    )
    parser.add_argument(
        "--config", metavar="FILE", default="", help="config file, such as those in configs/"
    )
    parser.add_argument(
        "--workdir",
        type=parse_path,
        metavar="DIR",
        help="run directory (runs/<name of the config>)",
    )
    modes = "; ".join(f"{name}: {text}" for name, text in MODES.items())
    parser.add_argument("--mode", choices=MODES, default="train", help=modes)
    add_data_flags(parser)
    add_records_flag(parser)
    add_cluster_flags(parser)
    return parser


def train(arguments: Sequence[str]) -> int:
    """Runs, evaluates or summarizes the configuration and prints the outcome.

    Returns:
        0; 130 if it was interrupted and its state is saved.
    """
    parser = make_train_parser()
    if {"-h", "--help"} & set(arguments):
        print_help(parser, [word for word in arguments if word not in ("-h", "--help")])
        return 0
    options, fields = parser.parse_with_fields(arguments)
    cluster = find_cluster(options, os.environ)
    if cluster is None:
        return run_options(options, fields)
    if options.mode not in CLUSTER_MODES:
        raise UserError(
            f"--mode={options.mode} takes one process: leave out --coordinator and "
            "--num-processes, or start it without srun"
        )
    if not is_child():
        return supervise(arguments, cluster)
    return run_child(cluster, lambda say: run_options(options, fields, say))


def run_options(
    options: argparse.Namespace, fields: dict[str, str], say: Callable[[str], None] = echo
) -> int:
    """Does what the options of a command line say; as `train`.

    Args:
        options: of the parser.
        fields: of the configuration, as of `OneLineParser.parse_with_fields`.
        say: prints a message for the user.
    """
    config = load_config(options.config, fields)
    suffix = "-probe" if options.mode == "probe" else ""
    workdir = options.workdir or Path("runs", name_run(options.config) + suffix)
    logging.getLogger("jax").setLevel(logging.WARNING)

    from gv_jax import experiment
    from gv_jax.config.resolve import as_probe, resolve
    from gv_jax.config.validate import validate
    from gv_jax.run_data import DataPolicy
    from gv_jax.tasks.model_summary import summarize_model
    from gv_jax.training.fit import InterruptedRun

    config = as_probe(config) if options.mode == "probe" else config
    if config.recipe:
        keep_recorded_recipe(config, workdir, fields)
    policy = DataPolicy(options.on_changed_data, options.data_records)
    if options.mode == "summary":
        say(summarize_model(validate(resolve(config))))
    elif options.mode == "evaluate":
        say(experiment.evaluate(config, workdir, policy))
    else:
        try:
            say(experiment.run(config, workdir, policy, partial(announce, say=say)))
        except InterruptedRun as stop:
            say(f"{stop}; state saved: run the same command to resume")
            return INTERRUPTED_STATUS
    return 0


def print_help(parser: OneLineParser, arguments: Sequence[str]) -> None:
    """Prints the options and, where --config is given, every field of that configuration."""
    echo(parser.format_help())
    options, fields = parser.parse_with_fields(arguments)
    if options.config:
        from flax.traverse_util import flatten_dict

        from gv_jax.config.describe import describe_fields

        values = flatten_dict(load_config(options.config, fields).to_dict(), sep=".")
        echo(f"fields of {options.config}:\n{describe_fields(values)}")


def announce(config: Config, run_dir: "RunDir", say: Callable[[str], None] = echo) -> None:
    """Prints the recipe and the license of the initial weights, where there is something to say.

    Args:
        config: valid.
        run_dir: of the run.
        say: prints a message for the user.

    Raises:
        UserError: the source of the images is no data set; no image is opened.
    """
    from gv_jax.data.dataset import builder_kwargs, class_names
    from gv_jax.inference.initial_run import record_initial_weights
    from gv_jax.models.pretrained.weights_record import license_remark

    if not run_dir.finished:  # which stays, whatever became of its images
        class_names(config.data.name, **builder_kwargs(config.data))
    if config.recipe_reason:
        say(f"Recipe {config.recipe}: {config.recipe_reason}")
    if remark := license_remark(record_initial_weights(config.model)):
        say(remark)


def keep_recorded_recipe(config: Config, workdir: Path, fields: Mapping[str, str]) -> None:
    """Keeps the recipe of the run in `workdir`, if it has any, but for `fields`."""
    from gv_jax.config.recipe import keep_recipe
    from gv_jax.training.run_dir import RunDir

    if (workdir / "config.json").is_file():
        recorded = RunDir(workdir).config
        if recorded.get("recipe"):
            keep_recipe(config, recorded, fields)


def name_run(config_file: str) -> str:
    """The name of the run directory: of the config file and the last part of its argument."""
    file, _, argument = config_file.partition(":")
    tail = re.sub(r"[^\w.-]+", "_", Path(argument).name)
    return Path(file).stem + (f"-{tail}" if tail else "")


def main() -> None:
    """The entry point of `python -m gv_jax.main`."""
    silence_libraries()
    run_command(train, sys.argv[1:])
