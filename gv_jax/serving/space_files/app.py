"""Serves the runs in runs/, on HOST and PORT of the environment."""

import os
import sys
from pathlib import Path

from gv_jax.serving.server import open_listener, serve_runs

FOLDER = Path(__file__).resolve().parent
ANCESTORS = "https://huggingface.co https://*.huggingface.co"  # they show a Space in a frame


def announce(address: str) -> None:
    sys.stdout.write(f"serving at {address}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    os.chdir(FOLDER)
    listener = open_listener(os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", 7860)))
    runs = sorted(path for path in (FOLDER / "runs").iterdir() if path.is_dir())
    serve_runs(runs, listener, announce, ANCESTORS)
