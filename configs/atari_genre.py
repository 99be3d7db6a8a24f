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
    config.data.valid_share = config.data.test_share = 0.15
    config.data.size = (42, 32)  # a fifth of the screen's 210x160
    config.model.name = "sequential"
    config.train.batch_size = 64
    config.train.epochs = 10
    config.train.keep = "last"
    config.augment.flip = 0.5
    config.augment.pad_crop = 2.0
    config.augment.hue = 0.5
    config.augment.brightness = 0.3
    config.augment.contrast = 0.3
    return config
