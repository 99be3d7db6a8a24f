"""`python -m gv_jax COMMAND …`, the same as `gv-jax COMMAND …`."""

import atexit
import os
import sys

from gv_jax.cli.commands import main
from gv_jax.cli.huge_pages import restart_on_huge_pages
from gv_jax.errors import INTERRUPTED_STATUS


def start() -> None:
    """Runs the command in this process, on huge pages where there are any."""
    restart_on_huge_pages()
    try:
        main()
    except SystemExit as error:
        if error.code != INTERRUPTED_STATUS:
            raise
        # An interrupted compilation leaves JAX in a state that crashes when modules are freed.
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(INTERRUPTED_STATUS)


if __name__ == "__main__":
    start()
