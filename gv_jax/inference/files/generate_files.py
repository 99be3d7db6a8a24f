"""Writes generated images as PNG files that say so, and a contact sheet of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from tqdm import tqdm

from gv_jax.data.class_folders import name_folders, to_file_name
from gv_jax.data.formats.header import CorruptImageError
from gv_jax.data.output_folder import check_output
from gv_jax.errors import UserError
from gv_jax.inference.files.contact_sheet import ContactSheet
from gv_jax.inference.files.png_metadata import (
    Source,
    describe_image,
    describe_settings,
    read_metadata,
    save_generated,
    save_sheet,
)
from gv_jax.inference.generation.generator import BATCH_SIZE, Sampling
from gv_jax.inference.generation.generator_run import GeneratorRun, Palette
from gv_jax.inference.partial_file import write_partial
from gv_jax.wording import count_noun

SHEET_FILE = "contact_sheet.png"
DIGITS = 5  # of the numbers in file names


class ImageJob(NamedTuple):
    """An image to generate.

    Attributes:
        label: Class name.
        index: Number among the images of the class, from 0.
        like: The image to vary; None without one.
        target: Its file.
    """

    label: str
    index: int
    like: Path | None
    target: Path


@dataclass
class GenerationOutcome:
    """What a command wrote.

    Attributes:
        output: The folder.
        written: Number of new files.
        kept: Number of files that were there already.
        sheet: The contact sheet; None before it is written.
    """

    output: Path
    written: int = 0
    kept: int = 0
    sheet: Path | None = None

    def __str__(self) -> str:
        kept = f" ({self.kept:,} were there already)" if self.kept else ""
        total = count_noun(self.written + self.kept, "image")
        return f"{total} in {self.output}{kept}; contact sheet: {self.sheet}"


def generate_files(
    run: GeneratorRun,
    counts: Mapping[str, int],
    outcome: GenerationOutcome,
    sampling: Sampling,
    palette: Palette | None = None,
    like: Sequence[Path] = (),
) -> None:
    """Writes OUTPUT/CLASS/CLASS_SEED_NUMBER.png and the contact sheet.

    Files that are there already are kept if they are of the same run and settings, so an
    interrupted command continues. Memory does not grow with the number of images.

    Args:
        run: The run.
        counts: Class -> number of images; with `like`, of each of these.
        outcome: Of the output folder; updated as files are written.
        sampling: How.
        palette: As of `GeneratorRun.generate`.
        like: Images to vary.

    Raises:
        UserError: An image of `like` cannot be read, or a file is there that would be overwritten.
    """
    check_folder(run, outcome.output)
    snap = run.palette_filter(palette)
    sources = {path: read_like(run, path) for path in like}
    settings = describe_settings(run, sampling, palette)
    if not sources:
        del settings["strength"]  # has no effect
    sheet = ContactSheet(list(counts), run.generator.size)
    jobs = iter_jobs(run, counts, outcome.output, sampling, list(sources))
    total = sum(counts.values()) * max(len(sources), 1)
    with tqdm(total=total, desc="generate", unit="img", disable=None) as progress:
        for batch in iter_missing(jobs, settings, sources, outcome, sheet, progress):
            likes = [sources[job.like] for job in batch if job.like is not None]
            images = np.stack(likes) if likes else None
            labels = [run.find_label(job.label) for job in batch]
            indices = [job.index for job in batch]
            outputs = snap(run.generator.generate(labels, indices, sampling, images))
            for job, image in zip(batch, outputs, strict=True):
                write_generated(job, image, describe_job(job, settings, sources))
                sheet.add(job.label, image)
                outcome.written += 1
                progress.update()
    outcome.sheet = outcome.output / SHEET_FILE
    with write_partial(outcome.sheet) as partial:
        save_sheet(sheet.draw(), settings, partial)


def check_folder(run: GeneratorRun, output: Path) -> None:
    """Raises UserError if nothing can be written to a folder without harm to what is there."""
    if output.exists() and not output.is_dir():
        raise UserError(f"--output {output} is a file: give a folder")
    check_output(run.config["data"], output, "the generated images", "--output")
    sheet = output / SHEET_FILE
    if sheet.exists() and read_metadata(sheet) is None:
        raise UserError(f"{sheet} is there, and not of gv-jax generate: give another --output")


def read_like(run: GeneratorRun, path: Path) -> np.ndarray:
    """An image to vary, at the size of the run; UserError if it is none."""
    try:
        return run.prepare_image(path)
    except OSError as error:
        raise UserError(f"--like {path}: cannot be read ({error.strerror})") from error
    except CorruptImageError as error:
        raise UserError(f"--like {error}: give an image") from error


def iter_jobs(
    run: GeneratorRun,
    counts: Mapping[str, int],
    output: Path,
    sampling: Sampling,
    like: Sequence[Path],
) -> Iterator[ImageJob]:
    """All images, class by class."""
    folders = name_folders(run.classes)
    for label, count in counts.items():
        folder = folders[label]
        for position, source in enumerate(like or [None]):
            for index in range(count):
                name = name_file(folder, sampling.seed, index, source, position)
                yield ImageJob(label, index, source, output / folder / name)


def name_file(
    folder: str, seed: int, index: int, like: PurePath | None = None, position: int = 0
) -> str:
    """The name of the file of an image.

    Args:
        folder: Of its class.
        seed: Of its noise.
        index: Its number.
        like: The image that it varies, and its `position` among several.
    """
    stem = folder if like is None else f"like_{position}_{to_file_name(like.stem)}"
    return f"{stem}_{seed}_{index:0{DIGITS}}.png"


def iter_missing(
    jobs: Iterator[ImageJob],
    settings: Mapping[str, Any],
    sources: Mapping[Path, np.ndarray],
    outcome: GenerationOutcome,
    sheet: ContactSheet,
    progress: "tqdm[Any]",
) -> Iterator[list[ImageJob]]:
    """Batches of the images that are not there yet; those that are go to the sheet.

    Raises:
        UserError: A file is there that was not made by the same run with the same settings.
    """
    batch: list[ImageJob] = []
    for job in jobs:
        if not job.target.exists():
            batch.append(job)
        elif read_metadata(job.target) == describe_job(job, settings, sources):
            outcome.kept += 1
            progress.update()
            if sheet.has_room(job.label):
                sheet.add(job.label, np.asarray(Image.open(job.target)))
        else:
            raise UserError(
                f"{job.target} is there, and not of this run and these options: give another "
                "--output or --seed"
            )
        if len(batch) == BATCH_SIZE:
            yield batch
            batch = []
    if batch:
        yield batch


def describe_job(
    job: ImageJob, settings: Mapping[str, Any], sources: Mapping[Path, np.ndarray]
) -> dict[str, Any]:
    """What the file of an image records."""
    like = None if job.like is None else Source(job.like.name, sources[job.like])
    return describe_image(settings, job.label, job.index, like)


def write_generated(job: ImageJob, image: np.ndarray, description: Mapping[str, Any]) -> None:
    """Writes the PNG file of an image; it is complete or absent."""
    with write_partial(job.target) as partial:
        save_generated(image, description, partial)
