"""The process of a command: on huge pages, and without a crash after an interruption."""

import atexit
import os
import sys
from collections.abc import Callable

from gv_jax.cli.huge_pages import restart_on_huge_pages
from gv_jax.errors import INTERRUPTED_STATUS


def run_process(main: Callable[[], None]) -> None:
    """Calls `main` in this process, on huge pages where there are any.

    An interrupted compilation leaves JAX in a state that crashes when modules are freed. If `main`
    exits as interrupted, exit handlers run, and the process ends without freeing anything.
    """
    restart_on_huge_pages()
    try:
        main()
    except SystemExit as error:
        if error.code != INTERRUPTED_STATUS:
            raise
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(INTERRUPTED_STATUS)
