"""Image, animation and video files, colorized with a finished run."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from tqdm import tqdm

from gv_jax.data.clip_files import open_clip
from gv_jax.data.decode import CorruptImageError
from gv_jax.data.media import CorruptVideoError, find_reason
from gv_jax.errors import UserError
from gv_jax.inference.color.colorizer import Colorizer, load_colorizer
from gv_jax.inference.files.jobs import FileJob, plan_jobs
from gv_jax.inference.image_file import read_image, write_image
from gv_jax.inference.video.video_file import MirrorWriter
from gv_jax.wording import count_noun

LOGGER = logging.getLogger(__name__)
MAX_LISTED = 3  # problems in an error message


@dataclass
class Outcome:
    """What colorizing a batch of files gave.

    Attributes:
        output: Folder of the results.
        num_done: Number of written files.
        damages: Source -> what is missing from its frames.
        losses: Source -> what its result does not preserve, such as "HDR" or "subtitles".
        remarks: Source -> how defects of an image were handled, each "has ...; ...".
    """

    output: Path
    num_done: int = 0
    damages: dict[Path, str] = field(default_factory=dict)
    losses: dict[Path, tuple[str, ...]] = field(default_factory=dict)
    remarks: dict[Path, tuple[str, ...]] = field(default_factory=dict)

    @property
    def exit_status(self) -> int:
        """1 if frames are missing, else 0."""
        return 1 if self.damages else 0

    def __str__(self) -> str:
        """`notes` and the number of files."""
        return "\n".join([*self.notes, self.summary])

    @property
    def notes(self) -> list[str]:
        """One line per damaged file, and per kind of loss and of remark."""
        losses = {
            source: f"not preserved: {', '.join(kinds)}" for source, kinds in self.losses.items()
        }
        remarks = {source: ", ".join(lines) for source, lines in self.remarks.items()}
        damages = [f"{source}: {damage}" for source, damage in self.damages.items()]
        return [*damages, *group_lines(losses), *group_lines(remarks)]

    @property
    def summary(self) -> str:
        return f"colorized {count_noun(self.num_done, 'file')} into {self.output}"


def group_lines(texts: Mapping[Path, str]) -> list[str]:
    """One line per distinct text, with the first of its files and the number of the others."""
    sources_of: dict[str, list[Path]] = {}
    for source, text in texts.items():
        sources_of.setdefault(text, []).append(source)
    lines = []
    for text, sources in sources_of.items():
        others = f" and {count_noun(len(sources) - 1, 'other file')}" if sources[1:] else ""
        lines.append(f"{sources[0]}{others}: {text}")
    return lines


def colorize_files(run: Path, inputs: Sequence[Path], output: Path, steady: bool) -> Outcome:
    """Colorizes every input file into the folder `output`.

    Of a damaged video, the frames before the damage are colorized. The other files are colorized
    before those that could not be read or written are reported; the notes on them are then logged.

    Args:
        run: run directory of a finished colorization run.
        inputs: images, videos, and folders of them.
        output: created if it does not exist.
        steady: smooth the colors of videos over time.

    Raises:
        UserError: a file could not be read or written.
    """
    jobs, problems = plan_jobs(inputs, output)
    colorizer = load_colorizer(run)
    outcome = Outcome(output)
    for job in tqdm(jobs, "colorize", unit=" files", disable=len(jobs) == 1):
        try:
            if job.video:
                colorize_video(colorizer, job, steady, outcome)
            else:
                colorize_image(colorizer, job, outcome)
            outcome.num_done += 1
        except (CorruptImageError, CorruptVideoError) as error:
            problems.append(f"{job.source}: {error}")
        except OSError as error:  # among them all errors of FFmpeg that the reader does not handle
            problems.append(f"{job.target}: cannot be written ({find_reason(error)})")
    if problems:
        rest = len(problems) - MAX_LISTED
        more = f" and {rest} more" if rest > 0 else ""
        done = f"; {outcome.summary}" if outcome.num_done else ""
        for note in outcome.notes:
            LOGGER.warning(note)
        raise UserError(f"{'; '.join(problems[:MAX_LISTED])}{more}{done}")
    return outcome


def colorize_image(colorizer: Colorizer, job: FileJob, outcome: Outcome) -> None:
    """Colorizes an image file; notes in `outcome` what is lost."""
    image = read_image(job.source)
    write_image(job.target, colorizer(image.pixels))
    if image.losses:
        outcome.losses[job.source] = image.losses
    if image.remarks:
        outcome.remarks[job.source] = image.remarks


def colorize_video(colorizer: Colorizer, job: FileJob, steady: bool, outcome: Outcome) -> None:
    """Colorizes a clip frame by frame in constant memory; notes in `outcome` what is lost."""
    clip, state = open_clip(job.source), None
    frames = iter(clip)
    first = next(frames)  # raises CorruptVideoError if there is none
    progress = tqdm(chain([first], frames), job.source.name, unit=" frames")
    with MirrorWriter(clip, job.target) as writer:
        progress.total = writer.frames or None
        shape = first.pixels.shape
        for frame in progress:
            if frame.pixels.shape != shape:
                shape, state = frame.pixels.shape, None
            if steady:
                pixels, state = colorizer.colorize_frame(frame.pixels, state)
            else:
                pixels = colorizer(frame.pixels)
            writer.write(frame, pixels)
        writer.finish(whole=not clip.damage)
    if clip.damage:
        outcome.damages[job.source] = clip.damage
    if losses := (*clip.losses, *writer.losses):
        outcome.losses[job.source] = losses
