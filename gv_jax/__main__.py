"""`python -m gv_jax COMMAND …`, the same as `gv-jax COMMAND …`."""

from gv_jax.cli.commands import main

if __name__ == "__main__":
    main()
