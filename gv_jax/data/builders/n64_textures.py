"""Nintendo 64 textures from smwcentral.net, labeled by hand in 15 classes; supplied by the user."""

import tensorflow_datasets as tfds

from gv_jax.data.builders.tile_folder import TileFolder


class N64Textures(TileFolder, skip_registration=True):
    """About 5,000 PNG or BMP images, most of 32x32 pixels, in 15 class folders (Anderson 2021).

    data.size and data.resize_mode apply to images of other sizes.
    """

    name = "n64_textures"
    VERSION = tfds.core.Version("1.0.0")
    fixed_classes = (
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
