"""Train, evaluate or print a model: `python -m gv_jax.main --config=configs/quickstart.py`.

Every field of the configuration can be given on the command line: `--config.optimizer.learning_rate=3e-4`.
"""

import re
import runpy
import sys
from pathlib import Path

from absl import app, flags, logging
from ml_collections import ConfigDict, config_flags

from gv_jax.errors import UserError, unknown

CONFIG = config_flags.DEFINE_config_file(
    "config", None, "File under configs/ with the run's configuration; every field can follow as --config.x.y=…"
)
WORKDIR = flags.DEFINE_string("workdir", "", "Folder of the run; runs/<config> unless given.")
MODE = flags.DEFINE_enum(
    "mode",
    "train",
    ["train", "evaluate", "summary"],
    "Train and report; evaluate a finished run again; or print the model, layer by layer.",
)


def main(arguments: list[str]) -> None:
    """Does what the flags say. The heavy imports wait until here, so that --help is instant."""
    try:
        act(CONFIG.value)
    except UserError as error:
        fail(error)
    except KeyboardInterrupt:
        sys.exit("stopped before the first step: nothing to save")


def act(config: ConfigDict) -> None:
    """Runs, evaluates or prints what `config` describes, and says on standard output what came out."""
    from gv_jax import experiment
    from gv_jax.training.fit import Interrupted

    logging.set_verbosity(logging.WARNING)  # JAX tells at INFO which accelerators it did not find
    workdir = Path(WORKDIR.value) if WORKDIR.value else Path("runs", run_name(sys.argv))
    if MODE.value == "summary":
        say(experiment.summary(config))
    elif MODE.value == "evaluate":
        say(experiment.evaluate(config, workdir))
    else:
        try:
            say(experiment.run(config, workdir))
        except Interrupted as stop:
            say(f"{stop}; everything is saved: the same command goes on from there")


def say(text: str) -> None:
    """One message to the person at the terminal."""
    sys.stdout.write(text + "\n")


def fail(error: Exception) -> None:
    """Says in one line what is wrong and ends with status 2."""
    line = " ".join(str(error).split())
    sys.stderr.write(f"gv_jax: {line}\n")
    sys.exit(2)


def run_name(arguments: list[str]) -> str:
    """The run folder's name: the config file's, and the last part of what follows its colon."""
    value = next(value for name, value in assignments(arguments) if name == "config")
    file, _, argument = value.partition(":")
    tail = re.sub(r"[^\w.-]+", "_", Path(argument).name)
    return Path(file).stem + (f"-{tail}" if tail else "")


def assignments(arguments: list[str]) -> list[tuple[str, str]]:
    """(flag name, value) of every flag in `arguments`, be it --name=value or --name value."""
    pairs = []
    for index, word in enumerate(arguments):
        if word.startswith("-"):
            name, equals, value = word.lstrip("-").partition("=")
            following = arguments[index + 1] if index + 1 < len(arguments) else ""
            pairs.append((name, value if equals else following))
    return pairs


def parse(arguments: list[str]) -> list[str]:
    """Reads the flags; what is wrong with them is one line and status 2, never a traceback."""
    try:
        rest = flags.FLAGS(arguments)
        if any(flags.FLAGS[name].value for name in ("help", "helpshort", "helpfull", "helpxml")):
            return rest
        if CONFIG.value is None:
            raise UserError("give --config=FILE, for example --config=configs/quickstart.py")
        if rest[1:]:
            raise UserError(f"{rest[1]!r} is no flag: flags begin with --, as in --config=configs/quickstart.py")
        CONFIG.value.keys()  # a file that could not be read says so only when it is looked into
        return rest
    except flags.UnrecognizedFlagError as error:
        fail(unknown("flag", error.flagname, ["config", "workdir", "mode", "help"]))
    except (flags.Error, UserError) as error:
        fail(error)
    except (AttributeError, KeyError):
        fail(unknown_field(arguments))
    except OSError as error:
        if "config file" not in str(error):
            raise
        file = dict(assignments(arguments))["config"].partition(":")[0]
        fail(UserError(f"no config file {file}: see the files under configs/"))
    return []


def unknown_field(arguments: list[str]) -> Exception:
    """The error for the first --config.x.y that the configuration has no field for; else the one being handled."""
    file, colon, argument = dict(assignments(arguments))["config"].partition(":")
    config = runpy.run_path(file)["get_config"](*([argument] if colon else []))
    for name, _ in assignments(arguments):
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


if __name__ == "__main__":
    app.run(main, flags_parser=parse)
