"""Colour frames of eight Atari games that are told in four shades of grey, as on a Game Boy, with no download.

python -m gv_jax.main --config=configs/colorize_quickstart.py

The games are played on this machine. A shade stands for colours of any game and of many places, so that a table from
grey to colour is of little use; the network has to know the game by its shapes and remember how it is coloured. It
answers the lightness, too, which four shades are too few for. 144 frames of episodes that were not trained on, seed 0:

                      CIEDE2000   within 5   MSE of a and b     PSNR
    network                 1.9       89 %           0.0042   27.9 dB
    mean of each grey      19.5       30 %           0.0627   16.5 dB
    no colour              17.3       37 %           0.0785   16.1 dB

and 6.8, 55 %, 0.0074 and 21.2 dB with --config.color_head.head=mse. What a shade hides (the roads of Up'n Down, mazes of
Bank Heist) is not found again. Cost: 6 minutes of CPU time, 1.4 GB: 3 to 4 minutes on 2 cores that do nothing else.
"""

from ml_collections import ConfigDict

from gv_jax.config import default


def get_config() -> ConfigDict:
    config = default.get_config()
    config.task = "colorization"
    config.data.atari_frames.games = (
        "bank_heist", "enduro", "kangaroo", "ms_pacman", "riverraid", "seaquest", "up_n_down", "assault",
    )  # fmt: skip
    config.data.atari_frames.frames_per_game = 120
    config.data.atari_frames.clip_length = 4  # in a row, so that flicker can be measured
    config.data.valid_fraction = config.data.test_fraction = 0.15
    config.data.size = (104, 80)  # half the screen's 210x160
    config.data.interpolation = "nearest"  # which leaves the console's own colours
    config.degrade.gray_levels = 4
    config.model.name = "unet"
    config.color_head.head = "palette"
    config.color_head.lightness = "answered"
    config.train.batch_size = 8
    config.train.epochs = 10
    config.optimizer.learning_rate = 2e-3
    config.augment.flip = 0.5
    return config
