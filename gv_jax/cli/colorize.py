"""Colour pictures and videos with a finished run: `python -m gv_jax.cli.colorize RUN INPUT… --output DIR`.

RUN is the folder of a run of colorization, of which nothing else is needed; an INPUT is a picture, a video, or a folder
of them. The lightness of what is coloured stays as it is.
"""

import argparse
import sys
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from gv_jax.cli.flags import echo, exit_with_error
from gv_jax.errors import UserError

if TYPE_CHECKING:
    from gv_jax.inference.colorizer import Colorizer
    from gv_jax.inference.jobs import Job


class OneLineParser(argparse.ArgumentParser):
    """Tells mistakes in one line."""

    def error(self, message: str) -> NoReturn:
        exit_with_error(UserError(f"{message}; see python -m gv_jax.cli.colorize --help"))
        sys.exit(2)


def run_colorize_command(arguments: Sequence[str] | None = None) -> None:
    """Ends with status 2 and one line on standard error for what a person can mend."""
    parser = OneLineParser(prog="python -m gv_jax.cli.colorize", description=__doc__)
    parser.add_argument(
        "run", metavar="RUN", type=Path, help="folder of a finished run of colorization"
    )
    parser.add_argument(
        "inputs", metavar="INPUT", nargs="+", type=Path, help="picture, video, or folder of them"
    )
    parser.add_argument(
        "--output", metavar="DIR", required=True, type=Path, help="folder for what is coloured"
    )
    parser.add_argument(
        "--steady", action="store_true", help="less flicker in videos: colours stay where greys do"
    )
    options = parser.parse_args(arguments)
    try:
        echo(colorize_inputs(options.run, options.inputs, options.output, options.steady))
    except UserError as error:
        exit_with_error(error)
    except KeyboardInterrupt:
        sys.exit(f"stopped; what was finished is in {options.output}")


def colorize_inputs(run: Path, inputs: Sequence[Path], output: Path, steady: bool) -> str:
    """Colours every input into `output`; lines on what was made.

    A damaged video gives the frames before the damage, and a line says so. What cannot be read at all is left out;
    after all the others a UserError names it.
    """
    from tqdm import tqdm

    from gv_jax.data.decode import CorruptImageError
    from gv_jax.data.video import CorruptVideoError
    from gv_jax.inference.colorizer import load_colorizer
    from gv_jax.inference.jobs import plan_jobs

    found, problems = plan_jobs(inputs, output)
    color, remarks, made = load_colorizer(run), [], 0
    for errand in tqdm(found, "colour", unit=" files", disable=len(found) == 1):
        try:
            if errand.video:
                remarks += colorize_video_file(color, errand, steady)
            else:
                colorize_image_file(color, errand)
            made += 1
        except (CorruptImageError, CorruptVideoError) as error:
            problems.append(f"{errand.source}: {error}")
        except OSError as error:
            raise UserError(
                f"{errand.target}: cannot be written ({error.strerror or error})"
            ) from error
    outcome = f"coloured {made} {'file' if made == 1 else 'files'} into {output}"
    if problems:
        more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise UserError(f"{'; '.join(problems[:3])}{more}{f'. Else {outcome}' if made else ''}")
    return "\n".join([*remarks, outcome])


def colorize_image_file(color: "Colorizer", errand: "Job") -> None:
    from gv_jax.inference import image_file

    image_file.write_image(errand.target, color(image_file.read_image(errand.source)))


def colorize_video_file(color: "Colorizer", errand: "Job", steady: bool) -> list[str]:
    """Colours frame after frame; however long the video is, a few are in memory. Lines on what is missing of it."""
    from tqdm import tqdm

    from gv_jax.data.video import CorruptVideoError, Video
    from gv_jax.inference.video_file import MirrorWriter

    video, before, damage = Video(errand.source), None, ""
    frames = iter(video)
    first = next(frames)  # or says what is wrong with the file
    bar = tqdm(chain([first], frames), errand.source.name, unit=" frames")
    try:
        with MirrorWriter(errand.source, errand.target) as copy:
            bar.total = copy.frames or None
            for frame in bar:
                if frame.pixels.shape != first.pixels.shape:
                    damage = f"changes its size after {frame.seconds:.1f} s; the {frame.number:,} frames before are used"
                    break
                painted, before = (
                    color.frame(frame.pixels, before) if steady else (color(frame.pixels), None)
                )
                copy.write(frame, painted)
            damage = damage or video.damage
            copy.finish(whole=not damage)
    except video.av.FFmpegError as error:
        raise CorruptVideoError(
            f"cannot be copied to {errand.target} ({error.strerror})"
        ) from error
    return [f"{errand.source}: {damage}"] if damage else []


if __name__ == "__main__":
    run_colorize_command()
