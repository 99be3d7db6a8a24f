"""`python -m gv_jax COMMAND …`, the same as `gv-jax COMMAND …`."""

from gv_jax.cli.commands import main
from gv_jax.cli.process import run_process


def start() -> None:
    """Runs the command that the arguments name."""
    run_process(main)


if __name__ == "__main__":
    start()
