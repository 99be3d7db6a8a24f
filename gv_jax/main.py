"""`python -m gv_jax.main --config=… --workdir=… --mode=…`, the same as `gv-jax train`."""

from gv_jax.cli.huge_pages import restart_on_huge_pages
from gv_jax.cli.train import main

if __name__ == "__main__":
    restart_on_huge_pages()
    main()
