"""The console script `gv-jax COMMAND …`."""

import sys

from gv_jax.cli.ablate import ablate
from gv_jax.cli.audit import audit
from gv_jax.cli.colorize import colorize
from gv_jax.cli.export import export
from gv_jax.cli.flags import echo, exit_with_error, run_command, silence_libraries
from gv_jax.cli.generate import generate
from gv_jax.cli.predict import predict
from gv_jax.cli.search import search
from gv_jax.cli.serve import serve
from gv_jax.cli.train import train
from gv_jax.cli.train_many import train_many
from gv_jax.errors import unknown

COMMANDS = {
    "train": (train, "train, evaluate or summarize a model"),
    "audit": (audit, "find duplicates, leaks and label conflicts in a data set"),
    "predict": (predict, "predict the classes of images with a finished run, and sort the files"),
    "colorize": (colorize, "colorize images and videos with a finished run"),
    "generate": (generate, "generate new images of a class with a finished run"),
    "export": (export, "write a finished run as ONNX, StableHLO, safetensors or a web page"),
    "serve": (serve, "serve finished runs as a web page and a JSON API"),
    "search": (search, "search hyper-parameters"),
    "ablate": (ablate, "run and compare the variants of an experiment"),
    "train-many": (train_many, "train several runs in one program, which pays on a GPU"),
}


def main() -> None:
    """Runs the command that the first argument names."""
    command, *arguments = sys.argv[1:] or ["--help"]
    if command in ("-h", "--help"):
        lines = [f"  {name:<12} {text}" for name, (_, text) in COMMANDS.items()]
        echo("\n".join(["usage: gv-jax COMMAND [--help] …", "", "commands:", *lines]))
        return
    if command not in COMMANDS:
        exit_with_error(unknown("command", command, COMMANDS))
    silence_libraries()
    run_command(COMMANDS[command][0], arguments)
