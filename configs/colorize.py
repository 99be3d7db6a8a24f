"""Colour the frames of your own games: a folder of pictures, or of one folder for each game, or videos.

python -m gv_jax.main --config=configs/colorize.py:PATH

A folder of pictures, or of folders of them, is read as frames in the order of their names; a video, or a folder with
videos in it, is looked at every 58th frame. Scenes, frames in a row, are held out: a tenth for validation, a tenth for
the test. Pictures are brought to 96x128 by a central crop; --config.data.size=(HEIGHT,WIDTH) changes that. The
network keeps the lightness of what it is told. For pictures of few shades, as a Game Boy's, add
--config.degrade.gray_levels=4 --config.color_head.lightness=answered.
"""

from pathlib import Path

from ml_collections import ConfigDict

from gv_jax.config import default

VIDEOS = (".mp4", ".mkv", ".webm", ".avi", ".mov")


def get_config(path: str = "") -> ConfigDict:
    config = default.get_config()
    config.task = "colorization"
    place = Path(path).expanduser()
    inside = place.iterdir() if place.is_dir() else ()
    videos = place.is_file() or any(file.suffix.lower() in VIDEOS for file in inside)
    config.data.name = "video_frames" if videos else "frames_folder"
    config.data.path = path
    config.data.size = (96, 128)
    config.data.resize_mode = "crop"
    config.model.name = "unet"
    config.color_head.head = "palette"
    config.train.batch_size = 8
    config.train.epochs = 20
    config.optimizer.learning_rate = 2e-3
    config.augment.flip = 0.5
    return config
