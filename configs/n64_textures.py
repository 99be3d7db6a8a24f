"""Textures of Nintendo 64 games, 15 classes of 32x32 RGBA, which you supply.

python -m gv_jax.main --config=configs/n64_textures.py --config.data.path=DIR
"""

from ml_collections import ConfigDict

from configs import dungeon_tiles


def get_config() -> ConfigDict:
    config = dungeon_tiles.get_config()
    config.data.name = "n64_textures"
    return config
