from gv_jax.search.command import main

if __name__ == "__main__":
    main()
