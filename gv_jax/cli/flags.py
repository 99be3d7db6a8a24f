"""What the command lines share: --config, and mistakes told in one line with status 2."""

import runpy
import sys
from collections.abc import Callable, Sequence

from absl import app, flags
from ml_collections import ConfigDict, config_flags

from gv_jax.errors import UserError, unknown

CONFIG = config_flags.DEFINE_config_file(
    "config",
    None,
    "File under configs/ with the run's configuration; every field can follow as --config.x.y=…",
)


def run_command(act: Callable[[ConfigDict], None], names: Sequence[str]) -> None:
    """Reads the flags, of which `names` are valid besides --config and --help, and calls act(config).

    Ends with status 2 and one line on standard error for UserError, never with its traceback.
    """

    def main(arguments: list[str]) -> None:
        try:
            act(CONFIG.value)
        except UserError as error:
            exit_with_error(error)
        except KeyboardInterrupt:
            sys.exit("stopped before anything was to be saved")

    app.run(main, flags_parser=lambda arguments: parse_flags(arguments, names))


def echo(text: str) -> None:
    """One message to the person at the terminal."""
    sys.stdout.write(text + "\n")


def exit_with_error(error: Exception) -> None:
    """Says in one line what is wrong and ends with status 2."""
    line = " ".join(str(error).split())
    sys.stderr.write(f"gv_jax: {line}\n")
    sys.exit(2)


def flag_values(arguments: list[str]) -> list[tuple[str, str]]:
    """(flag name, value) of every flag in `arguments`, be it --name=value or --name value."""
    pairs = []
    for index, word in enumerate(arguments):
        if word.startswith("-"):
            name, equals, value = word.lstrip("-").partition("=")
            following = arguments[index + 1] if index + 1 < len(arguments) else ""
            pairs.append((name, value if equals else following))
    return pairs


def parse_flags(arguments: list[str], names: Sequence[str]) -> list[str]:
    """Reads the flags; what is wrong with them is one line and status 2, never a traceback."""
    try:
        rest = flags.FLAGS(arguments)
        if any(flags.FLAGS[name].value for name in ("help", "helpshort", "helpfull", "helpxml")):
            return rest
        if CONFIG.value is None:
            raise UserError("give --config=FILE, for example --config=configs/quickstart.py")
        if rest[1:]:
            raise UserError(
                f"{rest[1]!r} is no flag: flags begin with --, as in --config=configs/quickstart.py"
            )
        CONFIG.value.keys()  # a file that could not be read says so only when it is looked into
        return rest
    except flags.UnrecognizedFlagError as error:
        exit_with_error(unknown("flag", error.flagname, ["config", *names, "help"]))
    except (flags.Error, UserError) as error:
        exit_with_error(error)
    except (AttributeError, KeyError):
        exit_with_error(find_unknown_field(arguments))
    except OSError as error:
        if "config file" not in str(error):
            raise
        file = dict(flag_values(arguments))["config"].partition(":")[0]
        exit_with_error(UserError(f"no config file {file}: see the files under configs/"))
    return []


def find_unknown_field(arguments: list[str]) -> Exception:
    """The error for the first --config.x.y that the configuration has no field for; else the one being handled."""
    file, colon, argument = dict(flag_values(arguments))["config"].partition(":")
    config = runpy.run_path(file)["get_config"](*([argument] if colon else []))
    for name, _ in flag_values(arguments):
        section = config
        path = name.split(".")
        for depth, part in enumerate(path[1:] if path[0] == "config" else [], start=1):
            if not isinstance(section, ConfigDict) or part not in section:
                valid = list(section) if isinstance(section, ConfigDict) else []
                return unknown(f"field of {'.'.join(path[:depth])}", part, valid)
            section = section[part]
    error = sys.exc_info()[1]
    assert error is not None
    raise error
