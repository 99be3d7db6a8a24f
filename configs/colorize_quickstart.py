"""Colorize frames of eight Atari games that are reduced to four gray levels, as on a Game Boy.

gv-jax train --config=configs/colorize_quickstart.py

Nothing is downloaded: the games are played on this machine. A gray level stands for different
colors in every game, so a gray lookup (the mean color of each gray level in training) is of little
use: the network has to recognize the game. It predicts the lightness too, which four levels do not
determine. Test split (144 frames of held-out episodes), seed 0:

                                 CIEDE2000   within 5   MSE of a, b      PSNR
    unet, palette head                 1.9       89 %        0.0042   27.9 dB
    unet, mse head                     6.8       55 %        0.0074   21.2 dB
    baseline: gray lookup             19.5       30 %        0.0627   16.5 dB
    baseline: gray                    17.3       37 %        0.0785   16.1 dB

The mse head is --config.color_head.name=mse. What one gray level hides (roads of Up'n Down, mazes
of Bank Heist) is not recovered. Cost: 6 minutes of CPU time, 3 to 4 minutes on 2 idle cores,
1.4 GB.
"""

from ml_collections import ConfigDict

from gv_jax.config import default


def get_config() -> ConfigDict:
    config = default.get_config()
    config.task = "colorization"
    config.data.atari_frames.games = (
        "bank_heist", "enduro", "kangaroo", "ms_pacman",
        "riverraid", "seaquest", "up_n_down", "assault",
    )  # fmt: skip
    config.data.atari_frames.frames_per_game = 120
    config.data.atari_frames.clip_length = 4  # consecutive frames, to measure flicker
    config.data.valid_fraction = config.data.test_fraction = 0.15
    config.data.size = (104, 80)  # half the screen's 210x160
    config.data.interpolation = "nearest"  # keeps the colors of the console
    config.degrade.gray_levels = 4
    config.model.name = "unet"
    config.color_head.name = "palette"
    config.color_head.predict_lightness = True
    config.train.batch_size = 8
    config.train.epochs = 10
    config.optimizer.learning_rate = 2e-3
    config.augment.flip = 0.5
    return config
