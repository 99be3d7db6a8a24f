"""Predicts image files and sorts them into class folders."""

import hashlib
import json
import os
import shlex
import shutil
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from tqdm import tqdm

from gv_jax.data.class_folders import name_folders
from gv_jax.errors import UserError
from gv_jax.inference.files.input_files import ImageSource, Inputs
from gv_jax.inference.files.path_text import escape_path
from gv_jax.inference.files.predict_files import PredictedBatch, Predictor
from gv_jax.inference.files.predict_formats import format_flag, format_probability, rows_of
from gv_jax.inference.sorting.manifest import COPY, MANIFEST, MOVE, Entry
from gv_jax.inference.sorting.sorted_folder import (
    check_folder,
    find_placed,
    key_of,
    open_sorted_folder,
)
from gv_jax.wording import count_noun

if TYPE_CHECKING:
    from gv_jax.inference.classifier import ClassifierRun

VERBS = {"copy": "copied", "link": "linked", "move": "moved"}
MAX_LISTED = 20  # classes in the summary


@dataclass
class SortingOutcome:
    """What sorting gave.

    Attributes:
        folder: The sorted folder.
        operation: "copy", "link" or "move".
        counts: Folder of a class -> number of images in it.
        num_resumed: Images that an earlier command had placed.
        problems: (path as text, reason) of files that stay where they are.
        notes: Further lines.
    """

    folder: Path
    operation: str
    counts: Counter[str] = field(default_factory=Counter)
    num_resumed: int = 0
    problems: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """The number of images, that of every folder, and how to undo it."""
        resumed = f", {self.num_resumed:,} of them before" if self.num_resumed else ""
        counts = describe_classes(self.counts)
        total = count_noun(sum(self.counts.values()), "image")
        return (
            f"{VERBS[self.operation]} {total} into {escape_path(self.folder)}{resumed}"
            f"{': ' * bool(counts)}{counts}\nundo: {undo_command(self.folder)}"
        )


def undo_command(folder: Path) -> str:
    return f"gv-jax predict --undo {shlex.quote(escape_path(folder / MANIFEST))}"


def describe_classes(counts: Mapping[str, int]) -> str:
    """ "wall 12, floor 3", most frequent first."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    parts = [f"{name} {count:,}" for name, count in ordered[:MAX_LISTED]]
    rest = len(ordered) - MAX_LISTED
    return ", ".join(parts) + (f" and {count_noun(rest, 'other class')}" if rest > 0 else "")


def sort_files(
    run: "ClassifierRun",
    inputs: Inputs,
    outcome: SortingOutcome,
    threshold: float,
    rule: str,
) -> None:
    """Copies, links or moves every image to FOLDER/CLASS/NAME.

    NAME is `ImageSource.name`. Uncertain images get the folder _unsure.

    Args:
        run: Predicts one class per image.
        inputs: The images.
        outcome: Folder and operation; gets the results as they come.
        threshold: Probability below which a prediction is uncertain.
        rule: The option that sets it, for the manifest.

    Raises:
        UserError: The run has several labels per image, the folder is not usable, or two images
            would get one name; nothing is written then.
        OSError: The disk is full or read-only.
    """
    if run.multi_label:
        raise UserError(
            f"{run.path}: an image may have several labels and no single folder; leave out "
            "--sort-into"
        )
    folder, operation = outcome.folder, outcome.operation
    check_inputs(inputs, folder, operation)
    folders = name_folders(run.classes)
    outcome.notes += [
        f"class {json.dumps(name, ensure_ascii=False)} is sorted into {new}"
        for name, new in folders.items()
        if name != new
    ]
    settings = {"operation": operation, "run": name_run(run), "uncertain": rule}
    placed = find_placed(folder, check_folder(folder, settings))
    check_missing(inputs, {source for source, _ in placed})
    if operation == COPY:
        check_space([source for source in inputs.sources if key_of(source) not in placed], folder)
    with open_sorted_folder(folder, settings, folders) as sorted_folder:
        sources = sorted_folder.remaining(inputs.sources)
        outcome.counts, outcome.num_resumed = sorted_folder.counts, sorted_folder.num_resumed
        predictor = Predictor(run, with_digests=True)
        outcome.problems = sorted_folder.problems
        with tqdm(total=len(sources), desc="sort", unit=" images", delay=1) as progress:
            for batch in predictor.predict(sources):
                images = [image.source for image in batch.images]
                sorted_folder.place(images, make_entries(batch, threshold))
                progress.update(len(images))
        outcome.problems += predictor.problems
        outcome.notes += [line for line in (predictor.describe_conversions(),) if line]


def make_entries(batch: PredictedBatch, threshold: float) -> list[Entry]:
    """What the manifest states about the predictions of a batch."""
    return [
        Entry(
            "",
            "",
            label=row.labels[0],
            probability=format_probability(row.probability),
            uncertain=format_flag(row.uncertain),
            unfamiliar=format_flag(row.unfamiliar),
            sha256=image.digest,
        )
        for image, row in zip(batch.images, rows_of(batch, 1, threshold, None), strict=True)
    ]


def name_run(run: "ClassifierRun") -> str:
    """The name of a run with a hash of its results, which differ between any two runs."""
    text = json.dumps(run.results, sort_keys=True)
    return f"{run.name} ({hashlib.sha256(text.encode()).hexdigest()[:12]})"


def check_missing(inputs: Inputs, placed: Collection[str] = ()) -> None:
    """Raises UserError for an input that does not exist, and if there is no image.

    Args:
        inputs: What a command line names.
        placed: Absolute paths that the same command has moved before.
    """
    for path in inputs.missing:
        if os.path.abspath(path) not in placed:
            raise UserError(f"{escape_path(path)}: no such file or folder")
    if not inputs.sources and not inputs.problems and not placed:
        places = ", ".join(map(escape_path, inputs.roots[:3]))
        raise UserError(f"{places}: no image in it")


def check_inputs(inputs: Inputs, folder: Path, operation: str) -> None:
    """Checks before anything is written that the images can be sorted.

    Raises:
        UserError: The folder is in an input or contains one; two images have one name; an image
            cannot be linked or moved.
    """
    inner = Path(os.path.realpath(folder))
    for root in inputs.roots:
        outer = Path(os.path.realpath(root))
        if inner == outer or (root.is_dir() and inner.is_relative_to(outer)):
            raise UserError(f"--sort-into {folder}: lies in the input {root}; give another folder")
        if outer.is_relative_to(inner):
            raise UserError(f"--sort-into {folder}: contains the input {root}; give another folder")
    check_names(inputs.sources)
    if operation != COPY:
        check_movable(inputs.sources, folder, operation)


def check_names(sources: Sequence[ImageSource]) -> None:
    """Raises UserError if two images could get the same path, or one a path below another's."""
    named: dict[str, ImageSource] = {}
    for source in sources:
        name = os.path.normcase(source.name)
        if name in named:
            raise UserError(
                f"{named[name]} and {source} would both become CLASS/{escape_path(source.name)}; "
                "give the folder that contains both, or sort them into different folders"
            )
        named[name] = source
    parents = {parent for name in named for parent in PurePosixPath(name).parents}
    for parent in parents:
        if (file := named.get(str(parent))) is not None:
            raise UserError(
                f"{file} would become a file where other images need the folder "
                f"CLASS/{escape_path(file.name)}; sort them into different folders"
            )


def check_movable(sources: Sequence[ImageSource], folder: Path, operation: str) -> None:
    """Raises UserError for members of zip files, symbolic links, and files on other devices."""
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    device, seen = existing.stat().st_dev, dict[tuple[int, int], ImageSource]()
    for source in sources:
        if source.member:
            raise UserError(
                f"{source.path}: files in a zip file can only be copied; leave out --{operation}"
            )
        if source.path.is_symlink():
            raise UserError(
                f"{source}: is a symbolic link, which can only be copied; leave out --{operation}"
            )
        status = source.path.stat()
        if status.st_dev != device:
            raise UserError(
                f"{source}: is on another device than {folder}, so it can only be copied; leave "
                f"out --{operation}, or give a folder on the same device"
            )
        first = seen.setdefault((status.st_dev, status.st_ino), source)
        if operation == MOVE and first is not source and status.st_nlink == 1:
            raise UserError(
                f"{first} and {source} are one file, through a link to a folder; leave out "
                f"--{operation}"
            )


def check_space(sources: Sequence[ImageSource], folder: Path) -> None:
    """Raises UserError if the copies need more space than is free."""
    files = (source.path for source in sources if not source.member)
    total = sum(path.stat().st_size for path in files if path.exists())
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(existing).free
    if total > free:
        raise UserError(
            f"{folder}: the copies need {total:,} bytes and {free:,} are free; use --link, or give "
            "a folder on another disk"
        )
