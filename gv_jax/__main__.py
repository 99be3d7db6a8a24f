"""`python -m gv_jax COMMAND …`, the same as `gv-jax COMMAND …`."""

from gv_jax.cli.commands import main
from gv_jax.cli.huge_pages import restart_on_huge_pages


def start() -> None:
    """Runs the command in this process, on huge pages where there are any."""
    restart_on_huge_pages()
    main()


if __name__ == "__main__":
    start()
