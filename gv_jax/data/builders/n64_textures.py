"""Nintendo 64 textures from smwcentral.net, labelled by hand in 15 classes; everybody brings a copy."""

import tensorflow_datasets as tfds

from gv_jax.data.builders.tile_folder import TileFolder


class N64Textures(TileFolder, skip_registration=True):
    """32x32 PNG or BMP in 15 class folders, unbalanced, about 5,000 (Max Anderson, Galvanize, 2021)."""

    name = "n64_textures"
    VERSION = tfds.core.Version("1.0.0")
    fixed = (
        "background",
        "bricks_masonry",
        "characters",
        "cutscene",
        "design_patterns",
        "earth_rocks_terrain",
        "fx",
        "metal",
        "natural_patterns",
        "object",
        "portraits",
        "sprite_menu",
        "text",
        "water",
        "wood",
    )
