"""Image and video files, colorized with a finished run."""

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from tqdm import tqdm

from gv_jax.data.decode import CorruptImageError
from gv_jax.data.video import CorruptVideoError, Video
from gv_jax.errors import UserError
from gv_jax.inference.colorizer import Colorizer, load_colorizer
from gv_jax.inference.image_file import read_image, write_image
from gv_jax.inference.jobs import FileJob, plan_jobs
from gv_jax.inference.video_file import MirrorWriter

MAX_LISTED = 3  # problems in an error message


def colorize_files(run: Path, inputs: Sequence[Path], output: Path, steady: bool) -> str:
    """Colorizes every input file into the folder `output`.

    Of a damaged video, the frames before the damage are colorized, and a warning says so. The other
    files are colorized before unreadable ones are reported.

    Args:
        run: run directory of a finished colorization run.
        inputs: images, videos, and folders of them.
        output: created if it does not exist.
        steady: smooth the colors of videos over time.

    Returns:
        Lines with the warnings and the number of files.

    Raises:
        UserError: a file could not be read or written.
    """
    jobs, problems = plan_jobs(inputs, output)
    colorizer = load_colorizer(run)
    warnings: list[str] = []
    num_done = 0
    for job in tqdm(jobs, "colorize", unit=" files", disable=len(jobs) == 1):
        try:
            if job.video:
                warnings += colorize_video(colorizer, job, steady)
            else:
                write_image(job.target, colorizer(read_image(job.source)))
            num_done += 1
        except (CorruptImageError, CorruptVideoError) as error:
            problems.append(f"{job.source}: {error}")
        except OSError as error:
            reason = error.strerror or error
            raise UserError(f"{job.target}: cannot be written ({reason})") from error
    outcome = f"colorized {num_done} {'file' if num_done == 1 else 'files'} into {output}"
    if problems:
        rest = len(problems) - MAX_LISTED
        more = f" and {rest} more" if rest > 0 else ""
        done = f"; {outcome}" if num_done else ""
        raise UserError(f"{'; '.join(problems[:MAX_LISTED])}{more}{done}")
    return "\n".join([*warnings, outcome])


def colorize_video(colorizer: Colorizer, job: FileJob, steady: bool) -> list[str]:
    """Colorizes frame by frame in constant memory; returns a warning if frames are missing."""
    video, state, damage = Video(job.source), None, ""
    frames = iter(video)
    first = next(frames)  # raises CorruptVideoError if there is none
    progress = tqdm(chain([first], frames), job.source.name, unit=" frames")
    try:
        with MirrorWriter(job.source, job.target) as writer:
            progress.total = writer.frames or None
            for frame in progress:
                if frame.pixels.shape != first.pixels.shape:
                    damage = (
                        f"changes its size after {frame.seconds:.1f} s; "
                        f"the {frame.index:,} frames before that are used"
                    )
                    break
                if steady:
                    pixels, state = colorizer.colorize_frame(frame.pixels, state)
                else:
                    pixels = colorizer(frame.pixels)
                writer.write(frame, pixels)
            damage = damage or video.damage
            writer.finish(whole=not damage)
    except video.av.FFmpegError as error:
        raise CorruptVideoError(f"cannot be copied to {job.target} ({error.strerror})") from error
    return [f"{job.source}: {damage}"] if damage else []
