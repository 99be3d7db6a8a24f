from gv_jax.search.command import run_search_command

if __name__ == "__main__":
    run_search_command()
