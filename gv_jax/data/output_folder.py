"""Folders of results must not lie among the images, where what is written would become data."""

from pathlib import Path

from gv_jax.data.builders.folder_listing import check_outside
from gv_jax.data.transforms import DataSection


def check_output(data: DataSection, target: Path, content: str, option: str) -> None:
    """Checks that nothing is written among the source images or the generated ones.

    Args:
        data: The section config.data.
        target: The folder that is written.
        content: What is written, for the message.
        option: The command-line option that sets `target`.

    Raises:
        UserError: `target` is a folder of images, or lies in it.
    """
    source = Path(data["path"] or Path(data["root"]) / data["name"])
    if data["path"] or source.is_dir():
        check_outside(target, source, content, option)
    if data["generated"]:
        check_outside(target, Path(data["generated"]), content, option)
