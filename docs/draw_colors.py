"""Draws docs/images/colors.png from a finished run: `python docs/draw_colors.py RUN`.

RUN is the run directory of `gv-jax train --config=configs/colorize_quickstart.py`. The figure shows
four games of its sheet figures/restored.png, two by two.
"""

import json
import sys
from pathlib import Path

from PIL import Image

GAMES = ("enduro", "ms_pacman", "riverraid", "seaquest")
WIDTH, GAP = 1440, 48  # pixels of the figure, and between its columns
OUTPUT = Path(__file__).parent / "images" / "colors.png"


def main() -> None:
    run = Path(sys.argv[1])
    config = json.loads((run / "config.json").read_text("utf-8"))["config"]
    games = config["data"]["atari_frames"]["games"]  # a row of the sheet each
    with Image.open(run / "figures" / "restored.png") as image:
        sheet = image.convert("RGB")
    height = sheet.height // len(games)
    figure = Image.new("RGB", (2 * sheet.width + GAP, 2 * height), "white")
    for index, game in enumerate(GAMES):
        top = games.index(game) * height
        row = sheet.crop((0, top, sheet.width, top + height))
        figure.paste(row, (index % 2 * (sheet.width + GAP), index // 2 * height))
    size = WIDTH, round(figure.height * WIDTH / figure.width)
    figure.resize(size, Image.Resampling.LANCZOS).save(OUTPUT, optimize=True)


if __name__ == "__main__":
    main()
