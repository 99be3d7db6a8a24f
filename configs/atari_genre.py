"""Tell the genre of an Atari game from a frame, tested on games that were never seen in training.

python -m gv_jax.main --config=configs/atari_genre.py

On 2 CPU cores two minutes of play at the first start, four of training. Test accuracy 0.55, 0.58 and 0.46 (seeds 0 to
2); the most frequent genre 0.33. On the validation games 0.33, 0.31 and 0.30, no better than the most frequent genre
(0.31): it depends on which games are held out, and colours and textures alone do not tell a genre.
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
