"""Train, evaluate or print a model: `python -m gv_jax.main --config=configs/quickstart.py`.

Every field of the configuration can be given on the command line: `--config.optimizer.learning_rate=3e-4`.
"""

import re
import sys
from pathlib import Path

from absl import flags as absl_flags
from absl import logging
from ml_collections import ConfigDict

from gv_jax.cli import flags
from gv_jax.cli.flags import echo, flag_values

WORKDIR = absl_flags.DEFINE_string("workdir", "", "Folder of the run; runs/<config> unless given.")
MODE = absl_flags.DEFINE_enum(
    "mode",
    "train",
    ["train", "probe", "evaluate", "summary"],
    "Train and report; the same, but only a new last layer, without steps; evaluate a finished run again; or print the "
    "model, layer by layer.",
)


def run_train_command(config: ConfigDict) -> None:
    """Runs, evaluates or prints what `config` describes, and says on standard output what came out."""
    from gv_jax import experiment
    from gv_jax.settings import as_probe
    from gv_jax.training.fit import InterruptedRun

    logging.set_verbosity(logging.WARNING)  # JAX tells at INFO which accelerators it did not find
    name = run_name(sys.argv) + ("-probe" if MODE.value == "probe" else "")
    workdir = Path(WORKDIR.value or Path("runs", name))
    if MODE.value == "summary":
        echo(experiment.summarize_model(config))
    elif MODE.value == "evaluate":
        echo(experiment.evaluate_run(config, workdir))
    else:
        try:
            echo(experiment.run(as_probe(config) if MODE.value == "probe" else config, workdir))
        except InterruptedRun as stop:
            echo(f"{stop}; everything is saved: the same command goes on from there")


def run_name(arguments: list[str]) -> str:
    """The run folder's name: the config file's, and the last part of what follows its colon."""
    value = next(value for name, value in flag_values(arguments) if name == "config")
    file, _, argument = value.partition(":")
    tail = re.sub(r"[^\w.-]+", "_", Path(argument).name)
    return Path(file).stem + (f"-{tail}" if tail else "")


if __name__ == "__main__":
    flags.run_command(run_train_command, ["workdir", "mode"])
