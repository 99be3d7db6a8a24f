"""`gv-jax generate`: generate new images of a class with a finished run.

RUN is the run directory of a generation run; nothing else is needed. Images become
DIR/CLASS/CLASS_SEED_NUMBER.png, with DIR/contact_sheet.png. Each file states in its metadata that
it is generated, by which run and seed. The same command continues an interrupted one.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gv_jax.cli.flags import OneLineParser, echo, parse_path
from gv_jax.cli.numbers import parse_count
from gv_jax.errors import INTERRUPTED_STATUS, UserError

if TYPE_CHECKING:
    from gv_jax.inference.generation.generator_run import GeneratorRun

ALL_CLASSES = "all"
MAX_COUNT = 1_000_000
GENERATION_TASK = "generation"


def generate(arguments: Sequence[str]) -> int:
    """Writes the images and prints the outcome.

    Returns:
        0; 130 if it was interrupted.
    """
    options = parse_options(arguments)

    from gv_jax.inference.files.generate_files import GenerationOutcome, generate_files

    run = load(options.run)
    counts = choose_counts(run, options)
    sampling = run.sampling(
        options.seed,
        options.guidance,
        options.steps,
        options.tileable or None,
        options.strength,
        options.layout_time,
    )
    outcome = GenerationOutcome(options.output)
    try:
        generate_files(run, counts, outcome, sampling, options.palette, options.like)
    except KeyboardInterrupt:
        sys.stderr.write(
            f"gv_jax: interrupted after {outcome.written + outcome.kept:,} images; the same "
            "command continues\n"
        )
        return INTERRUPTED_STATUS
    echo(str(outcome))
    return 0


def parse_options(arguments: Sequence[str]) -> argparse.Namespace:
    """The options of the command line; UserError for those that are not valid."""
    parser = OneLineParser("generate", (__doc__ or "").partition(": ")[2])
    parser.add_argument("run", metavar="RUN", type=parse_path, help="run directory")
    parser.add_argument(
        "--class",
        dest="classes",
        action="append",
        metavar="NAME",
        help="class of the images; several times for several; all: every class, --count images "
        "in total, in proportion to the training images (without --class: --count of each class)",
    )
    parser.add_argument(
        "--count", type=parse_count, default=12, metavar="N", help="images of each class (12)"
    )
    parser.add_argument("--output", metavar="DIR", required=True, type=parse_path, help="folder")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of the noise (0)")
    parser.add_argument(
        "--guidance", type=float, metavar="W", help="weight of the class; 1: as in training images"
    )
    parser.add_argument(
        "--layout-time",
        type=float,
        metavar="T",
        help="how exactly the layout of a training image is followed: 0.5 to 1",
    )
    parser.add_argument("--steps", type=parse_count, metavar="N", help="of the sampler")
    parser.add_argument(
        "--tileable", action="store_true", help="repeat without a seam, in any class"
    )
    parser.add_argument(
        "--palette",
        type=parse_palette,
        metavar="FILE|N",
        help="colors: those of an image or of a text file (ff8800 per line), or N per image",
    )
    parser.add_argument(
        "--like",
        nargs="+",
        type=parse_path,
        default=[],
        metavar="FILE",
        help="images to vary; --count of each",
    )
    parser.add_argument(
        "--strength",
        type=float,
        metavar="X",
        help="how far --like changes: 0 not at all, 1 entirely",
    )
    options = parser.parse_args(arguments)
    if options.count > MAX_COUNT:
        raise UserError(f"--count is {options.count:,}: give at most {MAX_COUNT:,} per command")
    if options.strength is not None and not options.like:
        raise UserError("--strength is of variations: give --like FILE too, or leave it out")
    return options


def parse_palette(text: str) -> Path | int:
    """A number of colors, or the path of a palette file."""
    return int(text) if text.isdecimal() else parse_path(text)


def load(path: Path) -> "GeneratorRun":
    """The run; UserError if it does not generate images."""
    from gv_jax.inference.finished_run import load_finished_run
    from gv_jax.inference.generation.generator_run import GeneratorRun

    return GeneratorRun(load_finished_run(path, GENERATION_TASK))


def choose_counts(run: "GeneratorRun", options: argparse.Namespace) -> dict[str, int]:
    """Class -> number of images; UserError for an unknown class."""
    names: list[str] = options.classes or list(run.classes)
    is_all = ALL_CLASSES in names and ALL_CLASSES not in run.classes
    if options.like and (is_all or len(options.classes or ()) != 1):
        raise UserError("--like needs the class of its images: give --class NAME once")
    if is_all and len(names) > 1:
        raise UserError(f"--class {ALL_CLASSES} has every class: give it alone, or class names")
    if is_all:
        counts = run.divide_count(options.count)
        return {name: count for name, count in counts.items() if count}
    for name in names:
        run.find_label(name)
    count: int = options.count
    return dict.fromkeys(names, count)
