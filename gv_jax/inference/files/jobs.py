"""Plans which input files are colorized, and where each result is written."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gv_jax.data.builders import folder_listing
from gv_jax.data.clip_files import CLIP_SUFFIXES, is_clip
from gv_jax.errors import UserError
from gv_jax.inference.video.video_file import output_suffix

SUFFIXES = (*folder_listing.IMAGE_SUFFIXES, *CLIP_SUFFIXES)


@dataclass(frozen=True)
class FileJob:
    """An input file and its output file.

    Attributes:
        source: Image or video.
        target: The file to write.
        video: Whether it is a video, or an image with more than one frame.
    """

    source: Path
    target: Path
    video: bool


def plan_jobs(inputs: Sequence[Path], output: Path) -> tuple[list[FileJob], list[str]]:
    """Lists the jobs of input files and of folders, at any depth.

    An image becomes NAME.png and a video NAME with `output_suffix`, at the same place below
    `output` as below its folder. If NAME.jpg and NAME.gif would become the same file, they become
    NAME.jpg.png and NAME.gif.png. Files inside `output` are no inputs.

    Args:
        inputs: Files and folders.
        output: Folder of the results.

    Returns:
        The jobs, and "file: reason" of everything that cannot be listed.

    Raises:
        UserError: An input is missing, none is an image or video, or a file would be overwritten.
    """
    if output.exists() and not output.is_dir():
        raise UserError(f"--output {output} is a file: give a folder")
    jobs, problems = [], []
    for path in inputs:
        files, new_problems = list_inputs(path, output)
        jobs += [make_job(file, output / name) for file, name in files]
        problems += new_problems
    if not jobs and not problems:
        raise UserError(f"{', '.join(map(str, inputs))}: no image or video in it")
    return resolve_collisions(jobs), problems


def list_inputs(path: Path, output: Path) -> tuple[list[tuple[Path, str]], list[str]]:
    """Files of an input with their names relative to it, and problems."""
    if not path.exists():
        raise UserError(f"{path}: no such image, video or folder")
    if not path.is_dir():
        return [(path, path.name)], []
    listing = folder_listing.scan(path, SUFFIXES)
    excluded = output.resolve()
    if excluded == path.resolve():
        files = list(listing.files)
    else:
        files = [file for file in listing.files if excluded not in file.path.resolve().parents]
    problems = [f"{file}: {reason}" for file, reason in listing.problems]
    return [(file.path, file.name) for file in files], problems


def make_job(source: Path, target: Path) -> FileJob:
    """The job of a file; `target` has the suffix of the input still."""
    is_video = is_clip(source)
    suffix = output_suffix(source) if is_video else ".png"
    return FileJob(source, target.with_suffix(suffix), is_video)


def resolve_collisions(jobs: Sequence[FileJob]) -> list[FileJob]:
    """Gives every job a target of its own.

    Raises:
        UserError: An input or another target would be overwritten.
    """
    uses = Counter(job.target for job in jobs)
    renamed = [
        job
        if uses[job.target] == 1
        else replace(job, target=job.target.with_name(job.source.name + job.target.suffix))
        for job in jobs
    ]
    sources, targets = {job.source.resolve() for job in renamed}, set()
    for job in renamed:
        target = job.target.resolve()
        if target in sources:
            raise UserError(f"{job.target} is an input: give another --output")
        if target in targets:
            raise UserError(
                f"two inputs would be written to {job.target}: colorize them separately, each with "
                "its own --output"
            )
        targets.add(target)
    return renamed
