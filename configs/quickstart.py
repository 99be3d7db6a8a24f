"""Tell ten Atari games apart by a single frame, with no download: the frames are played on this machine.

python -m gv_jax.main --config=configs/quickstart.py
"""

from ml_collections import ConfigDict

from configs import base


def get_config() -> ConfigDict:
    config = base.get_config()
    config.data.atari_frames.games = (
        "breakout", "enduro", "freeway", "frostbite", "ms_pacman",
        "pitfall", "pong", "qbert", "seaquest", "space_invaders",
    )  # fmt: skip
    config.model.name = "sequential"
    config.train.epochs = 10
    return config
