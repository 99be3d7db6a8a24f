"""Colorize the frames of your own games: a folder of images, one folder per game, or videos.

gv-jax train --config=configs/colorize.py:PATH

A folder of images, or of folders of them, is read as frames in the order of their names. Of a
video, an animated image (GIF, WebP, PNG, AVIF) or a folder of these, every 58th frame is used
(--config.data.video_frames.frame_stride). Whole scenes (consecutive frames) are held out, 10 % for
validation and 10 % for the test. Images are resized to 96x128; "--config.data.size=(HEIGHT,WIDTH)"
changes that. The lightness of the input is preserved. For images with few gray levels, such as
those of a Game Boy, add --config.degrade.gray_levels=4 --config.color_head.predict_lightness=True.
"""

from pathlib import Path

from ml_collections import ConfigDict

from gv_jax.config import default
from gv_jax.data.builders.clip_listing import holds_clips


def get_config(path: str = "") -> ConfigDict:
    config = default.get_config()
    config.task = "colorization"
    config.data.name = "video_frames" if path and holds_clips(Path(path)) else "frames_folder"
    config.data.path = path
    config.data.size = (96, 128)
    config.data.resize_mode = "stretch"  # whole frames, as `gv-jax colorize` resizes them
    config.model.name = "unet"
    config.color_head.name = "palette"
    config.train.batch_size = 8
    config.train.epochs = 20
    config.optimizer.learning_rate = 2e-3
    config.augment.flip = 0.5
    return config
