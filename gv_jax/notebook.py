"""Commands, pages and files in a notebook, on Colab or elsewhere: used by experiments/colab.ipynb.

Commands run in the process of the notebook: a TPU belongs to one process, and JAX reserves most of
the memory of a GPU.
"""

import html
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gv_jax.cli.commands import COMMANDS
from gv_jax.cli.flags import show_notes
from gv_jax.errors import INTERRUPTED_STATUS, UserError, explain_unwritable, unknown

PAGE_HEIGHT = 700  # pixels
BASE = '<base href="about:srcdoc">'  # else links to parts of the page would leave the frame


def run(command: str, *arguments: str | Path) -> int:
    """Runs `gv-jax COMMAND ARGUMENTS...` in this process.

    Flags that absl has parsed do not matter, nor whether there is a terminal.

    Returns:
        The exit status: 0, or 1 if the listed files failed.

    Raises:
        UserError: A mistake, a full disk or an interruption; notebooks show it as one line, and
            do not run the cells that follow.
    """
    if command not in COMMANDS:
        raise unknown("command", command, COMMANDS)
    show_notes()
    words = [str(argument) for argument in arguments]
    try:
        with replace_command_line("gv-jax", command, *words):
            status = COMMANDS[command][0](words) or 0
    except UserError:
        raise
    except Exception as error:
        unwritable = explain_unwritable(error)
        if unwritable is None:
            raise
        raise unwritable from error
    if status == INTERRUPTED_STATUS:
        raise UserError("interrupted: run the cell again to continue")
    return status


@contextmanager
def replace_command_line(*words: str) -> Iterator[None]:
    """Inside `with`, `words` is the command line, which runs record; not that of the kernel."""
    previous, sys.argv = sys.argv, list(words)
    try:
        yield
    finally:
        sys.argv = previous


def embed_page(file: Path | str, height: int = PAGE_HEIGHT) -> str:
    """HTML of a frame that holds a whole HTML page, such as a report, without its scripts.

    Args:
        file: The page, with a head; what it shows must be inside.
        height: Of the frame in pixels.
    """
    page = Path(file).read_text(encoding="utf-8")
    page = html.escape(page.replace("<head>", f"<head>{BASE}", 1))
    style = f"width:100%;height:{height}px;border:1px solid #ccc;background:#fff"
    return f'<div><iframe sandbox="" style="{style}" srcdoc="{page}"></iframe></div>'


def show_page(file: Path | str, height: int = PAGE_HEIGHT) -> None:
    """Shows an HTML page below the cell; see `embed_page`."""
    from IPython.display import HTML, display

    display(HTML(embed_page(file, height)))


def choose_file(path: Path | str, folder: Path | str) -> Path | None:
    """The file that a user gives: a path or, on Colab, an upload.

    Args:
        path: The file; "" for an upload on Colab.
        folder: Where the upload is stored.

    Returns:
        The file; None without a path if nothing is uploaded, as outside of Colab.

    Raises:
        UserError: There is no such file.
    """
    if path:
        if not Path(path).is_file():
            raise UserError(f"{path}: no such file; a relative path begins at {Path.cwd()}")
        return Path(path)
    try:
        # only Colab has this package
        from google.colab import files  # pyright: ignore[reportMissingImports]
    except ImportError:
        return None
    uploads: dict[str, bytes] = files.upload()  # empty if the user cancels
    if not uploads:
        return None
    name, content = next(iter(uploads.items()))
    target = Path(folder, Path(name).name)  # the last part: no upload leaves the folder
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    return target


def download(path: Path | str) -> Path:
    """Downloads a file, or a folder as a zip file, on Colab.

    Returns:
        The file that is downloaded, which elsewhere lies beside the folder.
    """
    path = Path(path)
    if path.is_dir():
        path = Path(shutil.make_archive(str(path), "zip", path.parent, path.name))
    try:
        # only Colab has this package
        from google.colab import files  # pyright: ignore[reportMissingImports]
    except ImportError:
        return path
    files.download(str(path))
    return path
