"""`gv-jax colorize`: colorize images and videos with a finished run.

RUN is the run directory of a colorization run; nothing else is needed. An INPUT is an image, a
video, or a folder of them. The lightness of every pixel is preserved.
"""

import sys
from collections.abc import Sequence

from gv_jax.cli.flags import OneLineParser, echo, parse_path
from gv_jax.errors import INTERRUPTED_STATUS


def colorize(arguments: Sequence[str]) -> int:
    """Writes the colorized files and prints the outcome.

    Returns:
        0; 1 if frames are missing; 130 if it was interrupted.
    """
    parser = OneLineParser("colorize", (__doc__ or "").partition(": ")[2])
    parser.add_argument("run", metavar="RUN", type=parse_path, help="run directory")
    parser.add_argument(
        "inputs",
        metavar="INPUT",
        nargs="+",
        type=parse_path,
        help="image, video, or folder of them",
    )
    parser.add_argument(
        "--output", metavar="DIR", required=True, type=parse_path, help="folder for the results"
    )
    parser.add_argument(
        "--steady", action="store_true", help="smooth the colors of videos over time"
    )
    options = parser.parse_args(arguments)

    from gv_jax.inference.files.colorize_files import colorize_files

    try:
        outcome = colorize_files(options.run, options.inputs, options.output, options.steady)
    except KeyboardInterrupt:
        sys.stderr.write(f"gv_jax: interrupted; finished files are in {options.output}\n")
        return INTERRUPTED_STATUS
    echo(str(outcome))
    return outcome.exit_status
