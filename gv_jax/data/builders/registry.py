"""Registry of data sets; `gv_jax.data.dataset` loads them."""

from gv_jax.data.builders.atari_frames import AtariFrames
from gv_jax.data.builders.base import ImageBuilder
from gv_jax.data.builders.dungeon_tiles import DungeonTiles
from gv_jax.data.builders.frames_folder import FramesFolder
from gv_jax.data.builders.game_covers import GameCovers
from gv_jax.data.builders.image_folder import ImageFolder
from gv_jax.data.builders.lego_minifigures import LegoMinifigures
from gv_jax.data.builders.n64_textures import N64Textures
from gv_jax.data.builders.simpsons import Simpsons
from gv_jax.data.builders.unlabeled_folder import UnlabeledFolder
from gv_jax.data.builders.video_frames import VideoFrames

DATASETS: dict[str, type[ImageBuilder]] = {
    "atari_frames": AtariFrames,
    "image_folder": ImageFolder,
    "n64_textures": N64Textures,
    "dungeon_tiles": DungeonTiles,
    "simpsons": Simpsons,
    "video_frames": VideoFrames,
    "frames_folder": FramesFolder,
    "unlabeled_folder": UnlabeledFolder,
    "lego_minifigures": LegoMinifigures,
    "game_covers": GameCovers,
}
