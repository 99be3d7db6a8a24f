"""`python -m gv_jax.main --config=… --workdir=… --mode=…`, the same as `gv-jax train`."""

from gv_jax.cli.train import main

if __name__ == "__main__":
    main()
