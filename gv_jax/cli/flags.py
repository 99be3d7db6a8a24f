"""Shared by all commands: parsing --config and its fields, output, and one-line errors.

Imports nothing heavy: `--help` and mistakes are reported within a fraction of a second.
"""

import argparse
import inspect
import io
import logging
import os
import re
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NoReturn

from ml_collections import ConfigDict

from gv_jax.cli.field_errors import explain_field_error
from gv_jax.config.default import PATH_FIELDS, Config
from gv_jax.errors import INTERRUPTED_STATUS, UserError, explain_unwritable, unknown
from gv_jax.user_file import call_user_function, run_user_file

EXAMPLE = "--config=configs/quickstart.py"
SIZE_FIELDS = ("data.size",)  # (height, width), which may be written as 96x128
SIZE = re.compile(r"(\d+)x(\d+)")
PRETRAINED = "model.pretrained"  # the field of the weights that a training starts from


class OneLineParser(argparse.ArgumentParser):
    """An ArgumentParser that reports mistakes as UserError and takes no abbreviated options."""

    def __init__(self, command: str, description: str, epilog: str = "") -> None:
        super().__init__(
            prog=f"gv-jax {command}",
            description=description,
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}; see {self.prog} --help")

    def parse_with_fields(
        self, arguments: Sequence[str]
    ) -> tuple[argparse.Namespace, dict[str, str]]:
        """Parses options and config fields.

        Returns:
            The options, and {"optimizer.learning_rate": "3e-4", ...} of the remaining
            `--config.x.y=VALUE` or `--config.x.y VALUE`, in order.

        Raises:
            UserError: an argument is neither an option nor a config field.
        """
        options, rest = self.parse_known_args(arguments)
        fields: dict[str, str] = {}
        words = iter(rest)
        for word in words:
            negated = word.startswith("--noconfig.")
            if not word.startswith("--config.") and not negated:
                raise self._unknown_argument(word)
            name, equals, value = word.partition(".")[2].partition("=")
            value = "False" if negated else value if equals else next(words, "")
            fields[name] = normalize_value(name, value)
        return options, fields

    def _unknown_argument(self, word: str) -> UserError:
        if not word.startswith("-"):
            return UserError(f"{word!r} is not an option: options begin with --, as in {EXAMPLE}")
        name = word.lstrip("-").partition("=")[0]
        valid = [option.lstrip("-") for option in self._option_string_actions]
        return unknown("option", name, valid)


def normalize_value(name: str, value: str) -> str:
    """The value of a config field as run directories record it: 96x128 and ~ are written out."""
    if name in SIZE_FIELDS and (size := SIZE.fullmatch(value)):
        return f"({size[1]}, {size[2]})"
    return os.path.expanduser(value) if name in PATH_FIELDS else value


def parse_path(text: str) -> Path:
    """The path of an option.

    A leading ~ is the home folder, which shells leave alone behind an equals sign.
    """
    if not text:
        raise argparse.ArgumentTypeError("the path is empty")
    return Path(os.path.expanduser(text))  # Path.expanduser fails for an unknown user


def add_data_flags(parser: argparse.ArgumentParser) -> None:
    """Adds --on-changed-data to a parser."""
    parser.add_argument(
        "--on-changed-data",
        choices=("reject", "keep"),
        default="reject",
        help="if images changed since the run or study began: stop (reject), or go on with its "
        "own images and leave out those that were added or modified (keep)",
    )


def add_records_flag(parser: argparse.ArgumentParser) -> None:
    """Adds --data-records, which the commands of studies pass to their runs, to a parser."""
    parser.add_argument(
        "--data-records",
        type=parse_path,
        default=None,
        metavar="DIR",
        help="folder in which runs of one study record their images, so that all use the same",
    )


def run_command(main: Callable[[Sequence[str]], int | None], arguments: Sequence[str]) -> NoReturn:
    """Calls main(arguments) and exits with its status.

    A UserError is one line and status 2, as is a full or read-only disk wherever it shows. Ctrl-C
    is status 130.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal may not know every character
            stream.reconfigure(errors="replace")
    show_notes()
    try:
        sys.exit(main(arguments) or 0)
    except UserError as error:
        exit_with_error(error)
    except KeyboardInterrupt:
        sys.stderr.write("gv_jax: interrupted\n")
        sys.exit(INTERRUPTED_STATUS)
    except Exception as error:
        unwritable = explain_unwritable(error)
        if unwritable is None:
            raise
        exit_with_error(unwritable)


def show_notes() -> None:
    """Prints what the package logs as lines on standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("gv_jax: note: %(message)s"))
    logger = logging.getLogger("gv_jax")
    logger.handlers, logger.propagate = [handler], False


def silence_libraries() -> None:
    """Silences what libraries print besides an error that they raise, where a disk is full.

    For entry points of processes: it changes hooks and warning filters of the interpreter.
    """
    warnings.filterwarnings("ignore", "Error (reading|writing) persistent compilation cache entry")
    show = sys.unraisablehook

    def show_others(unraisable: "sys.UnraisableHookArgs") -> None:
        # callbacks of Orbax's other files, after the first one failed
        if "Event loop is closed" not in str(unraisable.exc_value):
            show(unraisable)

    sys.unraisablehook = show_others
    logging.getLogger("asyncio").addFilter(is_no_full_disk)


def is_no_full_disk(record: logging.LogRecord) -> bool:
    """False for the errors of files that Orbax writes at once, of which the first one is raised."""
    error = record.exc_info[1] if record.exc_info else None
    return error is None or explain_unwritable(error) is None


def exit_with_error(error: Exception) -> NoReturn:
    """Prints the error as one line on standard error and exits with its status, usually 2."""
    line = " ".join(str(error).split())
    sys.stderr.write(f"gv_jax: {line}\n")
    sys.exit(getattr(error, "exit_status", UserError.exit_status))


def echo(text: str) -> None:
    """Prints one message for the user."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def load_config(file: str, fields: dict[str, str]) -> Config:
    """Runs a config file and applies the fields of the command line.

    Args:
        file: `configs/quickstart.py`, or `configs/folder.py:PATH` for get_config(PATH).
        fields: as of `OneLineParser.parse_with_fields`.

    Raises:
        UserError: no file, an unknown field, or a value of the wrong type.
    """
    config = read_config_file(file, fields)
    if config.recipe:  # the field is applied: the name may stand for another recipe
        fields = {name: value for name, value in fields.items() if name != "recipe"}
    return apply_fields(config, fields)


def apply_fields(config: Config, fields: dict[str, str]) -> Config:
    """A copy of `config` with the fields of the command line.

    Raises:
        UserError: an unknown field, or a value of the wrong type.
    """
    from absl import flags
    from flax.traverse_util import flatten_dict
    from ml_collections import config_flags

    check_field_names(config, fields)
    line = ["gv-jax"]
    for name, value in fields.items():
        value = normalize_value(name, value)
        line.append(f"--config.{name}={value}")
    values = flags.FlagValues()
    config_flags.DEFINE_config_dict("config", config, flag_values=values, sys_argv=line)
    try:
        values(line)
    except flags.Error as error:
        current = flatten_dict(config.to_dict(), sep=".")
        raise explain_field_error(current, fields, str(error)) from error
    return values.config.copy_and_resolve_references()


def read_config_file(file: str, fields: Mapping[str, str] | None = None) -> Config:
    """The configuration that a config file returns, before fields of the command line are applied.

    A `get_config(pretrained)` gets the weights that the command line names, or "": it sets what a
    training from these weights needs. A parameter `fields` gets all fields of the command line.

    Args:
        file: as of `load_config`.
        fields: of the command line.

    Raises:
        UserError: no `file` is given, or there is no such file.
    """
    if not file:
        raise UserError(f"give --config=FILE, for example {EXAMPLE}")
    path, colon, argument = file.partition(":")
    if not Path(path).is_file():
        raise UserError(
            f"no config file {path}: see the files under configs/ of the repository of gv_jax; a "
            f"relative path begins at {Path.cwd()}"
        )
    get_config = run_user_file(path).get("get_config")
    if not callable(get_config):
        raise UserError(f"{path}: the function get_config() is missing; is it a config file?")
    parameters = list(inspect.signature(get_config).parameters)
    if colon and not parameters:
        raise UserError(f"{path} takes no argument: leave out {colon + argument!r}")
    if parameters != ["pretrained"]:
        words = [argument] if colon else []
        named = {"fields": dict(fields or {})} if "fields" in parameters else {}
        return call_user_function(path, partial(get_config, **named), *words)
    config = call_user_function(path, get_config, (fields or {}).get(PRETRAINED, argument))
    config.model.pretrained = argument
    return config


def check_field_names(config: Config, names: Sequence[str] | dict[str, str]) -> None:
    """Raises UserError for the first dotted name that is not a field of `config`."""
    for name in names:
        section = config
        path = ["config", *name.split(".")]
        for depth, part in enumerate(path[1:], start=1):
            if not isinstance(section, ConfigDict) or part not in section:
                valid = list(section) if isinstance(section, ConfigDict) else []
                raise unknown(f"field of {'.'.join(path[:depth])}", part, valid)
            section = section[part]
        if isinstance(section, ConfigDict):
            raise UserError(
                f"--config.{name} is a section: set one of its fields, as in "
                f"--config.{name}.{next(iter(section))}=VALUE"
            )
