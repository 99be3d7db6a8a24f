"""Color of whole frames that `gv-jax colorize` writes, on clips of Atari games.

    python -m benchmarks.color_clips render DIR [--seed N]
    gv-jax train --config=configs/colorize.py:DIR/train --workdir=RUN
    gv-jax colorize RUN DIR/test --output OUT
    python -m benchmarks.color_clips measure RUN DIR/test OUT [--sheet FILE]

`render` plays each of GAMES at random and writes DIR/train/GAME.mp4 (60 s, 60 frames per second)
and DIR/test/GAME.mp4 (later episodes, 13 s, 12 frames per second), H.264 at 160x210. `measure`
compares every 8th decoded frame of each clip in OUT with that of the original clip, and the
prediction for the same frame at the size of the training images with the original at that size. It
prints one JSON line per clip and one for all of them: {"clip", "frames", "whole", "trained",
"ratio", "gray"}; "whole" and "trained" are the mean CIEDE2000, "gray" that of the clip without
colors. Requires ale-py and PyAV.
"""

import argparse
import itertools
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import av
import numpy as np
from PIL import Image

from gv_jax.data.builders.atari_player import WARM_UP_FRAMES, Player
from gv_jax.data.clip_files import open_clip
from gv_jax.image.tiled_metrics import compare_images
from gv_jax.inference.color.colorizer import Colorizer, load_colorizer, working_size

GAMES = (
    "bank_heist", "enduro", "kangaroo", "ms_pacman",
    "riverraid", "seaquest", "up_n_down", "assault",
)  # fmt: skip
TRAIN_FRAMES, TRAIN_RATE = 3600, 60
TEST_FRAMES, TEST_RATE = 156, 12  # every 5th emulator frame: odd, as sprites flicker in turns
SCREEN = 210, 160  # height and width in pixels
MEASURED_STRIDE = 8  # frames of a clip from one measured frame to the next
CODEC_OPTIONS = {"crf": "12", "preset": "veryfast"}


def play(player: Player, stride: int) -> Iterator[np.ndarray]:
    """Every `stride`-th screen, uint8 [210 160 3], of one episode after the other."""
    while True:
        for index in player.play_episode():
            if index >= WARM_UP_FRAMES and index % stride == 0:
                yield player.read_screen()


def write_clip(path: Path, frames: Iterable[np.ndarray], rate: int) -> None:
    """Writes frames, uint8 [210 160 3], as H.264."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options=CODEC_OPTIONS)
        stream.pix_fmt = "yuv420p"
        stream.height, stream.width = SCREEN
        for pixels in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        container.mux(stream.encode())


def render(folder: Path, seed: int) -> None:
    """Writes the clips of all games."""
    for game in GAMES:
        player = Player(game, seed)
        train = itertools.islice(play(player, 1), TRAIN_FRAMES)
        write_clip(folder / "train" / f"{game}.mp4", train, TRAIN_RATE)
        test = itertools.islice(play(player, TRAIN_RATE // TEST_RATE), TEST_FRAMES)
        write_clip(folder / "test" / f"{game}.mp4", test, TEST_RATE)


def read_frames(path: Path) -> list[np.ndarray]:
    """The measured frames of a clip, uint8 [h w 3]."""
    return [frame.pixels for frame in open_clip(path, MEASURED_STRIDE)]


def compare(image: np.ndarray, original: np.ndarray) -> float:
    """The mean CIEDE2000 of two images."""
    return compare_images(image, original)["ciede2000"]


def compare_at_train_size(colorizer: Colorizer, original: np.ndarray) -> float:
    """The mean CIEDE2000 of the prediction at the size of the training images."""
    size = working_size(original.shape[:2], colorizer.train_size, colorizer.resize_mode)
    small = np.asarray(
        Image.fromarray(original).resize((size[1], size[0]), colorizer.interpolation)
    )
    return compare(colorizer(small), small)


def measure(run: Path, originals: Path, outputs: Path, sheet: Path | None) -> Iterator[dict]:
    """Yields the line of every clip, then that of all; draws `sheet`."""
    colorizer = load_colorizer(run)
    rows, strips = [], []
    for path in sorted(originals.iterdir()):
        true, colored = read_frames(path), read_frames(outputs / path.name)
        assert len(true) == len(colored), path
        gray = [np.repeat(colorizer.upsampler.to_gray(frame)[..., None], 3, -1) for frame in true]
        rows.append(
            summarize(
                path.stem,
                [compare(*pair) for pair in zip(colored, true, strict=True)],
                [compare_at_train_size(colorizer, frame) for frame in true],
                [compare(*pair) for pair in zip(gray, true, strict=True)],
            )
        )
        yield rows[-1]
        middle = len(true) // 2
        strips.append(np.concatenate([gray[middle], colored[middle], true[middle]], 1))
    columns = [[row[name] for row in rows] for name in ("whole", "trained", "gray")]
    yield summarize("all", *columns) | {"frames": sum(row["frames"] for row in rows)}
    if sheet:
        half = len(strips) // 2
        sides = [np.concatenate(part) for part in (strips[:half], strips[half:])]
        Image.fromarray(np.concatenate(sides, 1)).save(sheet)


def summarize(clip: str, whole: list[float], trained: list[float], gray: list[float]) -> dict:
    """The line of a clip, from the CIEDE2000 of its frames."""
    means = {
        name: float(np.mean(values))
        for name, values in (("whole", whole), ("trained", trained), ("gray", gray))
    }
    ratio = means["whole"] / means["trained"]
    rounded = {name: round(value, 3) for name, value in (means | {"ratio": ratio}).items()}
    return {"clip": clip, "frames": len(whole), **rounded}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("render")
    command.add_argument("folder", type=Path)
    command.add_argument("--seed", type=int, default=0)
    command = commands.add_parser("measure")
    for name in ("run", "originals", "outputs"):
        command.add_argument(name, type=Path)
    command.add_argument("--sheet", type=Path)
    options = parser.parse_args()
    if options.command == "render":
        render(options.folder, options.seed)
        return
    for line in measure(options.run, options.originals, options.outputs, options.sheet):
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
