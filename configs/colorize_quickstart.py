"""Colour frames of Atari games that are told in four shades of grey.

python -m gv_jax.main --config=configs/colorize_quickstart.py
"""

from ml_collections import ConfigDict

from configs import base


def get_config() -> ConfigDict:
    config = base.get_config()
    config.task = "colorization"
    config.data.atari_frames.games = (
        "bank_heist", "enduro", "kangaroo", "ms_pacman", "riverraid", "seaquest", "up_n_down", "assault",
    )  # fmt: skip
    config.data.atari_frames.frames_per_game = 120
    config.data.atari_frames.clip = 4
    config.data.valid_share = config.data.test_share = 0.15
    config.data.size = (104, 80)  # half the screen's 210x160
    config.data.interpolation = "nearest"  # which leaves the console's own colours
    config.degrade.grey_levels = 4
    config.model.name = "alpha"
    config.train.batch_size = 16
    config.train.epochs = 10
    config.augment.flip = 0.5
    return config
