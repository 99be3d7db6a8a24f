"""How should frames of another aspect ratio become training images, to colorize whole frames?

    gv-jax ablate experiments/colorization_whole_frames.py

Frames of eight Atari games (160x210) in color, with the settings of configs/colorize.py: stretched
to 128x96, cropped to that aspect ratio, padded to it, and stretched to 96x128, which nearly keeps
the aspect ratio. Whole held-out frames are colorized and measured at their own size.
"""

CONFIG = "configs/colorize.py"
FRAMES = {
    "data.name": "atari_frames",
    "data.atari_frames.games": (
        "bank_heist", "enduro", "kangaroo", "ms_pacman",
        "riverraid", "seaquest", "up_n_down", "assault",
    ),
    "data.atari_frames.frames_per_game": 120,
    "data.atari_frames.clip_length": 4,  # consecutive frames, to measure flicker
    "train.epochs": 4,
}  # fmt: skip
VARIANTS = {
    "stretch": FRAMES,
    "crop": {**FRAMES, "data.resize_mode": "crop"},
    "pad": {**FRAMES, "data.resize_mode": "pad"},
    "stretch_tall": {**FRAMES, "data.size": (128, 96)},
}
REFERENCE = "crop"
METRIC = "whole_images.ciede2000"
