"""Extracts the images of a zip file into a new folder."""

import shutil
import tempfile
from pathlib import Path

from gv_jax.data.formats.header import CorruptImageError
from gv_jax.errors import UserError, locate_unwritable
from gv_jax.inference.files.zip_members import ZipFiles, is_zip, list_members


def extract_images(archive: Path, folder: Path) -> list[tuple[str, str]]:
    """Extracts the images of a zip file; `folder` is complete or absent.

    Folders around all images, as that of the zipped folder itself, are left out, but for the last
    one: `pack/train/wall/1.png` and `pack/train/door/1.png` become `wall/1.png` and `door/1.png`.

    Args:
        archive: The zip file.
        folder: Created; must not exist.

    Returns:
        (member, reason) of the images that are not extracted: damaged or encrypted ones, links,
        and names that lead out of the folder.

    Raises:
        UserError: It is no zip file, a zip bomb, or has no images; the folder exists, or the disk
            has too little space.
    """
    if folder.exists():
        raise UserError(f"{folder}: exists already; give another folder for {archive}")
    if not is_zip(archive):
        raise UserError(f"{archive}: is no zip file; give a zip file of a folder of images")
    members, problems = list_members(archive)
    if not members:
        raise UserError(f"{archive}: has no images; give a zip file of a folder of images")
    folder.parent.mkdir(parents=True, exist_ok=True)
    depth = count_outer_folders([path for _, path in members])
    with (
        locate_unwritable(folder),
        tempfile.TemporaryDirectory(dir=folder.parent, prefix=".extract-") as partial,
    ):
        images, files = Path(partial, "images"), ZipFiles()
        for name, path in members:
            target = images.joinpath(*Path(path).parts[depth:])
            if problem := write_member(files, archive, name, target):
                problems.append((name, problem))
        if not images.exists():
            raise UserError(f"{archive}: no image in it can be read ({problems[0][1]})")
        shutil.move(images, folder)
    return problems


def count_outer_folders(paths: list[str]) -> int:
    """The number of leading folders that all paths share, of which a last folder remains."""
    folders = [path.split("/")[:-1] for path in paths]
    depth = 0
    while all(len(parts) > depth + 1 for parts in folders) and (
        len({parts[depth] for parts in folders}) == 1
    ):
        depth += 1
    return depth


def write_member(files: ZipFiles, archive: Path, name: str, target: Path) -> str:
    """Writes a member to a file; returns why it could not be read, or ""."""
    if target.exists():
        return "has the path of another image"
    try:
        content = files.read(archive, name)
    except CorruptImageError as error:
        return str(error)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        return "lies in a folder with the name of another image"
    target.write_bytes(content)
    return ""
