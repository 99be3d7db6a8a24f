"""Tell the genre of an Atari game from a frame, tested on games that were never seen in training.

python -m gv_jax.main --config=configs/atari_genre.py
"""

from ml_collections import ConfigDict

from configs import base


def get_config() -> ConfigDict:
    config = base.get_config()
    config.data.atari_frames.label = "genre"
    config.data.atari_frames.frames_per_game = 100
    config.data.atari_frames.every = 31
    return config
