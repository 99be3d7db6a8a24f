"""Textures of Nintendo 64 games, 15 classes of 32x32 RGBA, which you supply.

python -m gv_jax.main --config=configs/n64_textures.py --config.data.path=DIR

The pictures are yours, so no result can be promised; networks, time and what to expect are those of dungeon_tiles.py.
"""

from ml_collections import ConfigDict

from configs import dungeon_tiles


def get_config() -> ConfigDict:
    config = dungeon_tiles.get_config()
    config.data.name = "n64_textures"
    return config
