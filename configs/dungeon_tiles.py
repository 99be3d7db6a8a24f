"""Classify tiles of Dungeon Crawl Stone Soup: 15 classes, 32x32 RGBA.

gv-jax train --config=configs/dungeon_tiles.py [--config.data.path=DIR]

Test accuracy 77.2 % ± 1.1 (standard deviation over seeds 0 to 2; 391 images, split by stem);
majority-class baseline 10.7 %. Cost: 3 minutes on 2 CPU cores. Other models:
experiments/textures.py.
"""

from ml_collections import ConfigDict

from gv_jax.config import default


def get_config() -> ConfigDict:
    config = default.get_config()
    config.data.name = "dungeon_tiles"
    config.data.size = (32, 32)
    config.data.channels = 4
    config.train.batch_size = 64
    config.train.epochs = 40
    config.train.select = "last"  # 391 validation images are too few to select an epoch
    config.optimizer.name = "adam"
    return config
