"""Double the size of pictures: NinaSR-B0 (0.1 million parameters) on the pictures of a folder, against bicubic.

python -m gv_jax.main --config=configs/super_resolution.py:PATH
"""

from ml_collections import ConfigDict

from configs import base


def get_config(path: str = "") -> ConfigDict:
    config = base.get_config()
    config.task = "super_resolution"
    config.data.name = "image_folder"
    config.data.path = path
    config.data.size = (192, 256)
    config.data.fit = "crop"
    config.data.interpolation = "bicubic"
    config.model.name = "ninasr_b0"
    config.train.batch_size = 8
    config.train.crop = 96
    config.train.steps_per_epoch = 200
    config.train.epochs = 6
    config.train.valid_batches = 5
    config.optimizer.name = "adam"
    config.optimizer.learning_rate = 2e-3
    config.optimizer.warmup_epochs = 0.5
    config.optimizer.schedule = "cosine"
    config.augment.flip = 0.5
    return config
