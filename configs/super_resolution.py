"""Double the size of pictures: NinaSR-B0 (0.1 million parameters) on the pictures of a folder, against bicubic.

python -m gv_jax.main --config=configs/super_resolution.py:PATH

Pictures are brought to 192x256 by bicubic and a central crop, and learned from in parts of 96x96. On 1,600 stills
of cartoons, of 256x286 pixels and more (1,280 for training, the rest split at random into validation and test), seed 0:

                 PSNR      SSIM
    network  33.74 dB     0.948    over 160 test pictures; a gain of 1.73 dB in the mean, on 96 % of them
    bicubic  32.01 dB     0.932

Cost: 9 minutes of CPU time, 1.4 GB (on 2 cores that other jobs kept busy these were 18 minutes of training and 5 of
evaluation), with 40 instead of all 160 validation pictures looked at after an epoch. Stills of one scene may be on both
sides of the split.
"""

from ml_collections import ConfigDict

from gv_jax.config import default


def get_config(path: str = "") -> ConfigDict:
    config = default.get_config()
    config.task = "super_resolution"
    config.data.name = "image_folder"
    config.data.path = path
    config.data.size = (192, 256)
    config.data.resize_mode = "crop"
    config.data.interpolation = "bicubic"
    config.model.name = "ninasr_b0"
    config.train.batch_size = 8
    config.augment.random_crop = 96
    config.train.steps_per_epoch = 200
    config.train.epochs = 6
    config.train.select = (
        "last"  # the rate ends at 0: the last weights are the ones that have settled
    )
    config.optimizer.name = "adam"
    config.optimizer.learning_rate = 2e-3
    config.optimizer.warmup_epochs = 0.5
    config.optimizer.schedule = "cosine"
    config.augment.flip = 0.5
    return config
