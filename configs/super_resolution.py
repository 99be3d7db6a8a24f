"""Upscale images 2x: NinaSR-B0 (0.1 million parameters) on a folder of images, against bicubic.

gv-jax train --config=configs/super_resolution.py:PATH

PATH is one folder of images, or has several inside; with several, the split is stratified by
folder. Images are resized (bicubic) and center-cropped to 192x256; training uses random crops of
96x96. On 1,600 cartoon stills of at least 256x286 (1,280 for training, split at random), seed 0:

                        PSNR    SSIM
    ninasr_b0       33.74 dB   0.948    160 test images; mean gain 1.73 dB, a gain on 96 % of them
    bicubic         32.01 dB   0.932

Cost: 9 minutes of CPU time, 1.4 GB, with 40 of the 160 validation images evaluated per epoch.
Stills of one scene may be in several splits.
"""

from pathlib import Path

from ml_collections import ConfigDict

from gv_jax.config import default
from gv_jax.data.builders.unlabeled_folder import has_class_folders


def get_config(path: str = "") -> ConfigDict:
    config = default.get_config()
    config.task = "super_resolution"
    is_divided = bool(path) and has_class_folders(Path(path))
    config.data.name = "image_folder" if is_divided else "unlabeled_folder"
    config.data.path = path
    config.data.size = (192, 256)
    config.data.resize_mode = "crop"
    config.data.interpolation = "bicubic"
    config.model.name = "ninasr_b0"
    config.train.batch_size = 8
    config.augment.random_crop = 96
    config.train.steps_per_epoch = 200
    config.train.epochs = 6
    config.train.select = "last"  # the learning rate ends at 0
    config.optimizer.name = "adam"
    config.optimizer.learning_rate = 2e-3
    config.optimizer.warmup_epochs = 0.5
    config.optimizer.schedule = "cosine"
    config.augment.flip = 0.5
    return config
