"""`gv-jax predict`: predict the classes of images with a finished run, and sort the files.

RUN is the run directory of a classification run; nothing else is needed. An INPUT is an image, a
folder (with all folders in it), a zip file, a glob in quotes, or - for a list of paths on standard
input, one a line. --sort-into copies every image to DIR/CLASS/ with its path below the folder that
was given; gv-jax predict --undo DIR/manifest.csv restores what was there before.
"""

import argparse
import io
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from gv_jax.cli.flags import OneLineParser, echo, parse_path
from gv_jax.cli.numbers import parse_count, parse_fraction, parse_share
from gv_jax.errors import INTERRUPTED_STATUS, UserError
from gv_jax.wording import count_noun

if TYPE_CHECKING:
    from gv_jax.inference.classifier import ClassifierRun
    from gv_jax.inference.files.input_files import Inputs

DEFAULT_TOP = 3
DEFAULT_BELOW = 0.5  # more likely wrong than right
UNREADABLE_STATUS = 1
DEFAULT_METHOD = "grad_cam"
TEXT_OPTIONS = ("top", "format", "output", "set", "explain")
SORT_OPTIONS = ("link", "move")


def predict(arguments: Sequence[str]) -> int:
    """Prints or writes predictions, sorts files, or undoes a sorting.

    Returns:
        0; 1 if files were unreadable or are left; 130 if it was interrupted.
    """
    options = parse_options(arguments)
    with interrupt_on_sigterm():
        if options.undo:
            return undo(options.undo)
        run, inputs = load(options)
        if options.sort_into:
            return sort(run, inputs, options)
        try:
            return write(run, inputs, options)
        except BrokenPipeError:  # as of `| head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0


def parse_options(arguments: Sequence[str]) -> argparse.Namespace:
    """The options of the command line.

    Raises:
        UserError: Options that are not valid, or not together.
    """
    parser = OneLineParser("predict", (__doc__ or "").partition(": ")[2])
    parser.add_argument("run", metavar="RUN", nargs="?", type=parse_path, help="run directory")
    parser.add_argument(
        "inputs", metavar="INPUT", nargs="*", help="image, folder, zip file, glob, -"
    )
    text = parser.add_argument_group("predictions")
    text.add_argument("--top", type=parse_count, metavar="K", help="number of classes (3)")
    text.add_argument("--format", choices=("table", "csv", "jsonl"), help="of the output (table)")
    text.add_argument(
        "--output", type=parse_path, metavar="FILE", help="file instead of the screen"
    )
    text.add_argument(
        "--set", type=parse_fraction, metavar="P", help="set of classes with the true one in it"
    )
    text.add_argument(
        "--explain", type=parse_path, metavar="DIR", help="draw what the predictions are based on"
    )
    text.add_argument(
        "--explain-method",
        metavar="M",
        help="grad_cam (the default), integrated_gradients, smooth_grad, occlusion or nearest",
    )
    limit = parser.add_mutually_exclusive_group()
    limit.add_argument(
        "--precision",
        type=parse_fraction,
        metavar="P",
        help="images are uncertain below the confidence from which on this fraction of the "
        "validation images was correct (lower end of the 95 %% interval)",
    )
    limit.add_argument(
        "--below",
        type=parse_share,
        metavar="P",
        help="images are uncertain below this confidence (0.5)",
    )
    files = parser.add_argument_group("sorting")
    files.add_argument("--sort-into", type=parse_path, metavar="DIR", help="sort into DIR/CLASS/")
    how = files.add_mutually_exclusive_group()
    how.add_argument("--link", action="store_true", help="make hard links instead of copies")
    how.add_argument("--move", action="store_true", help="move the files")
    files.add_argument("--undo", type=parse_path, metavar="MANIFEST", help="undo a sorting")
    options = parser.parse_intermixed_args(arguments)
    check_options(options)
    return options


def check_options(options: argparse.Namespace) -> None:
    """Raises UserError for options that do nothing together."""
    if options.undo:
        if any(value for name, value in vars(options).items() if name != "undo"):
            raise UserError("--undo MANIFEST takes no run, inputs or other options")
        return
    if options.run is None:
        raise UserError("give a run directory and images; see gv-jax predict --help")
    if not options.inputs:
        raise UserError(f"give images to predict with {options.run}; see gv-jax predict --help")
    if options.explain_method and not options.explain:
        raise UserError("--explain-method needs --explain DIR")
    given = vars(options)
    if options.sort_into:
        for name in TEXT_OPTIONS:
            if given[name] is not None:
                raise UserError(
                    f"--{name} does not go with --sort-into, which writes manifest.csv; call "
                    "predict without --sort-into for it"
                )
    elif any(given[name] for name in SORT_OPTIONS):
        raise UserError("--link and --move need --sort-into DIR")


def load(options: argparse.Namespace) -> "tuple[ClassifierRun, Inputs]":
    """The run, and the images that the inputs name.

    Raises:
        UserError: There is no image, or no such run.
    """
    from gv_jax.inference.files.input_files import LIST, list_inputs
    from gv_jax.inference.sorting.sort_files import check_missing

    listed = sys.stdin.buffer.read() if LIST in options.inputs else b""
    inputs = list_inputs(options.inputs, listed)
    if not options.sort_into:  # else a resumed command may have moved them
        check_missing(inputs)
    from gv_jax.inference.classifier import ClassifierRun
    from gv_jax.inference.run import load_run

    run = load_run(options.run)
    if not isinstance(run, ClassifierRun):
        raise UserError(
            f"{options.run} holds a run of task {run.task}: give a run of task classification or "
            "multi_label"
        )
    return run, inputs


def find_threshold(run: "ClassifierRun", options: argparse.Namespace) -> tuple[float, str]:
    """The probability below which a prediction is uncertain, and the option that sets it."""
    if options.precision is None:
        below = DEFAULT_BELOW if options.below is None else options.below
        return below, f"--below {below:g}"
    evidence = run.confidence.threshold_for(options.precision)
    note(f"--precision {options.precision:g}: {evidence}")
    return evidence.threshold, f"--precision {options.precision:g}"


def write(run: "ClassifierRun", inputs: "Inputs", options: argparse.Namespace) -> int:
    """Prints the predictions, or writes them to a file."""
    from gv_jax.inference.files.write_predictions import TextOptions, write_predictions
    from gv_jax.inference.sorting.sort_files import describe_classes

    name = options.format or "table"
    threshold, _ = find_threshold(run, options)
    explanations = None
    if options.explain:
        from gv_jax.inference.files.explain_files import ExplanationFiles

        method = options.explain_method or DEFAULT_METHOD
        explanations = ExplanationFiles(run, options.explain, method)
        explanations.check(inputs)
    text_options = TextOptions(name, options.top or DEFAULT_TOP, options.set, threshold)
    try:
        with open_output(options.output, name, inputs) as stream:
            explain = explanations and explanations.write
            outcome = write_predictions(run, inputs, text_options, stream.write, explain)
            stream.flush()
    except KeyboardInterrupt:
        left = f"; {options.output} is not written" if options.output else ""
        sys.stderr.write(f"gv_jax: interrupted{left}; the same command starts anew\n")
        return INTERRUPTED_STATUS
    if name == "table" or options.output:
        counts = describe_classes(outcome.counts)
        flags = f"; {outcome.num_uncertain:,} uncertain" * bool(outcome.num_uncertain)
        flags += f"; {outcome.num_unfamiliar:,} unfamiliar" * bool(outcome.num_unfamiliar)
        total = count_noun(outcome.num_images, "image")
        summary = f"{total}{': ' * bool(counts)}{counts}{flags}"
        (note if options.output or name != "table" else echo)(summary)
    if explanations:
        note(f"{count_noun(explanations.count, 'explanation')} in {options.explain}")
    return report(outcome.problems, inputs, outcome.notes)


def sort(run: "ClassifierRun", inputs: "Inputs", options: argparse.Namespace) -> int:
    """Sorts the images into class folders."""
    from gv_jax.inference.sorting.sort_files import SortingOutcome, sort_files, undo_command

    operation = "move" if options.move else "link" if options.link else "copy"
    outcome = SortingOutcome(options.sort_into, operation)
    threshold, rule = find_threshold(run, options)
    try:
        sort_files(run, inputs, outcome, threshold, rule)
    except KeyboardInterrupt:
        done = count_noun(sum(outcome.counts.values()), "image")
        sys.stderr.write(
            f"gv_jax: interrupted after {done}; the same command continues, and "
            f"{undo_command(options.sort_into)} restores everything\n"
        )
        return INTERRUPTED_STATUS
    echo(str(outcome))
    return report(outcome.problems, inputs, outcome.notes)


def undo(manifest: Path) -> int:
    """Undoes a sorting."""
    from gv_jax.inference.sorting.undo_sorting import undo_sorting

    try:
        outcome = undo_sorting(manifest)
    except KeyboardInterrupt:
        sys.stderr.write("gv_jax: interrupted; the same command continues\n")
        return INTERRUPTED_STATUS
    echo(str(outcome))
    return UNREADABLE_STATUS if outcome.problems else 0


def report(problems: list[tuple[str, str]], inputs: "Inputs", notes: list[str]) -> int:
    """Prints notes and what could not be read on standard error; the exit status."""
    for line in (*inputs.notes, *notes):
        note(line)
    for path, reason in (listed := inputs.problems + problems):
        sys.stderr.write(f"gv_jax: {path}: {reason}\n")
    return UNREADABLE_STATUS if listed else 0


def note(line: str) -> None:
    sys.stderr.write(f"gv_jax: note: {line}\n")


@contextmanager
def open_output(path: Path | None, name: str, inputs: "Inputs") -> Iterator[TextIO]:
    """Standard output, or a file that is complete or absent; in UTF-8.

    Args:
        path: The file; None for standard output.
        name: The format; a table on the screen has the encoding of the terminal.
        inputs: What is read.

    Raises:
        UserError: The file is an input, lies in one, or is a folder.
    """
    from gv_jax.inference.partial_file import write_partial

    if path is None:
        if isinstance(sys.stdout, io.TextIOWrapper) and name != "table":
            sys.stdout.reconfigure(encoding="utf-8", newline="")
        yield sys.stdout
        return
    if path.is_dir():
        raise UserError(f"--output {path}: is a folder; give a file")
    inner = Path(os.path.realpath(path))
    for root in inputs.roots:
        if inner.is_relative_to(os.path.realpath(root)):
            raise UserError(f"--output {path}: lies in the input {root}; give another file")
    with write_partial(path) as partial, partial.open("w", encoding="utf-8", newline="") as stream:
        yield stream


@contextmanager
def interrupt_on_sigterm() -> Iterator[None]:
    """Inside `with`, SIGTERM is the same as Ctrl-C."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
