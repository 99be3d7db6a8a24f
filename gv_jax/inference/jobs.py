"""Which files are to be coloured, and where each goes."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gv_jax.data import video
from gv_jax.data.builders import folder_listing
from gv_jax.data.decode import CorruptImageError
from gv_jax.errors import UserError
from gv_jax.inference.image_file import is_animated
from gv_jax.inference.video_file import suffix_for


@dataclass(frozen=True)
class Job:
    """A picture, or a video, and the file that it is written to."""

    source: Path
    target: Path
    video: bool


def plan_jobs(inputs: Sequence[Path], output: Path) -> tuple[list[Job], list[str]]:
    """Those of every input, a file or a folder with files at any depth; and "what: why" of what cannot be listed.

    A picture becomes NAME.png, a video NAME with `suffix_for` it, below `output` where it was below its folder;
    NAME.jpg.png where NAME.jpg and NAME.gif would become the same. What lies in `output` already is no input.

    Raises:
        UserError: no such input, none that can be coloured, or one that would be overwritten.
    """
    if output.exists() and not output.is_dir():
        raise UserError(f"{output} is a file: give a folder as --output")
    found, problems = [], []
    for place in inputs:
        files, why = list_inputs(place, output)
        found += [make_job(path, output / name) for path, name in files]
        problems += why
    if not found and not problems:
        raise UserError(f"{', '.join(map(str, inputs))}: no picture or video in it")
    return resolve_collisions(found), problems


def list_inputs(place: Path, output: Path) -> tuple[list[tuple[Path, str]], list[str]]:
    """(file, its name below `place`) of an input; and problems."""
    if not place.exists():
        raise UserError(f"{place}: no such picture, video or folder")
    if not place.is_dir():
        return [(place, place.name)], []
    found = folder_listing.scan(place, (*folder_listing.IMAGE_SUFFIXES, *video.VIDEO_SUFFIXES))
    made = output.resolve()
    apart = made != place.resolve()
    files = [
        (file.path, file.name)
        for file in found.files
        if not (apart and made in file.path.resolve().parents)
    ]
    return files, [f"{path}: {why}" for path, why in found.problems]


def make_job(source: Path, target: Path) -> Job:
    """target: the file's name in another folder."""
    if source.suffix.lower() == ".gif":
        try:
            moving = is_animated(source)
        except CorruptImageError:
            moving = False
    else:
        moving = source.suffix.lower() in video.VIDEO_SUFFIXES
    return Job(source, target.with_suffix(suffix_for(source) if moving else ".png"), moving)


def resolve_collisions(found: Sequence[Job]) -> list[Job]:
    """The same with a target for each; UserError where an input or another target would be overwritten."""
    often = Counter(errand.target for errand in found)
    named = [
        errand
        if often[errand.target] == 1
        else replace(
            errand, target=errand.target.with_name(errand.source.name + errand.target.suffix)
        )
        for errand in found
    ]
    sources, targets = {errand.source.resolve() for errand in named}, set()
    for errand in named:
        target = errand.target.resolve()
        if target in sources:
            raise UserError(
                f"{errand.target} is an input, and would be overwritten: give another --output"
            )
        if target in targets:
            raise UserError(
                f"two inputs would become {errand.target}: colour them one by one, with another --output each"
            )
        targets.add(target)
    return named
