"""`python -m gv_jax.main --config=… --workdir=… --mode=…`, the same as `gv-jax train`."""

from gv_jax.cli.process import run_process
from gv_jax.cli.train import main

if __name__ == "__main__":
    run_process(main)
