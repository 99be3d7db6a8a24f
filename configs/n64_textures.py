"""Classify textures of Nintendo 64 games: 15 classes, 32x32 RGBA; you supply the images.

gv-jax train --config=configs/n64_textures.py --config.data.path=DIR

The recipe of configs/dungeon_tiles.py, where comparable images reach 77.2 %.
"""

from ml_collections import ConfigDict

from gv_jax.config import default


def get_config() -> ConfigDict:
    config = default.get_config()
    config.data.name = "n64_textures"
    config.data.size = (32, 32)
    config.data.channels = 4
    config.train.batch_size = 64
    config.train.epochs = 40
    config.train.select = "last"
    config.optimizer.name = "adam"
    return config
