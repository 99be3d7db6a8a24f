"""Classify the genre of an Atari game from one frame; the test games never occur in training.

gv-jax train --config=configs/atari_genre.py

Test accuracy 55 %, 58 % and 46 % (seeds 0 to 2); majority-class baseline 33 %. On the validation
games 33 %, 31 % and 30 % (baseline 31 %): the result depends on which games are held out, as colors
and textures alone do not determine a genre. Cost on 2 CPU cores: 2 minutes of play at the first
start, 4 minutes of training.
"""

from ml_collections import ConfigDict

from gv_jax.config import default


def get_config() -> ConfigDict:
    config = default.get_config()
    config.data.atari_frames.label = "genre"
    config.data.atari_frames.frames_per_game = 100
    config.data.atari_frames.frame_stride = 31
    config.data.valid_fraction = config.data.test_fraction = 0.15
    config.data.size = (42, 32)  # a fifth of the screen's 210x160
    config.model.name = "sequential"
    config.train.batch_size = 64
    config.train.epochs = 10
    config.train.select = "last"
    config.augment.flip = 0.5
    config.augment.pad_crop = 2.0
    config.augment.hue = 0.5
    config.augment.brightness = 0.3
    config.augment.contrast = 0.3
    return config
