"""The output folder of an export: complete, or absent."""

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gv_jax.errors import UserError


def check_output(output: Path, run: Path) -> None:
    """Raises UserError if the folder exists, or would lie in the run directory."""
    if output.is_symlink() or output.exists():
        raise UserError(f"{output} exists: give another --output, or remove it")
    if output.resolve().is_relative_to(run.resolve()):
        raise UserError(f"{output} is inside the run {run}: give another --output")
    parent = next(folder for folder in output.resolve().parents if folder.exists())
    if not parent.is_dir():
        raise UserError(f"{parent} is a file, not a folder: give another --output")


@contextmanager
def write_folder(output: Path) -> Iterator[Path]:
    """Yields a folder to write to; it becomes `output`, or is removed after an error."""
    new = [folder for folder in output.absolute().parents if not folder.exists()]
    digest = hashlib.sha256(output.name.encode()).hexdigest()[:12]
    partial = output.absolute().parent / f".{digest}.partial"
    done = False
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        yield partial
        partial.rename(output)
        done = True
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        if not done:
            for folder in new:
                if folder.exists() and not any(folder.iterdir()):
                    folder.rmdir()
