"""Classify characters of The Simpsons by a two-layer CNN; you supply the images.

gv-jax train --config=configs/simpsons.py --config.data.path=DIR [--config.data.preprocess=crop]

The published comparison: --config.data.preprocess=none, crop, denoise (pip install -e '.[image]')
and super_resolution (--config.data.super_resolution=RUN; four times the cost, as images have twice
the height and width), each with its own --workdir. Images of another aspect ratio than 4:3 are
stretched; --config.data.resize_mode=pad keeps their proportions.

Published (Multiclass Image Classification with CNNs, 2023; six characters, 8,063 training and 300
test images): accuracy and F1 81 % with super_resolution, nearly the same without preprocessing,
worse with denoise, worst with crop. The optimizer is not published. Adam at 1e-3 did not train the
linear layer of 171,360 inputs (test accuracy 28 % after five epochs on 1,440 images of four
characters; baseline 25 %); Adam at 1e-4 reaches 57 % (mean of 3 seeds, without test duplicates in
training). One epoch takes 42 s on 2 CPU cores, in 3.5 GB. experiments/simpsons_resnet18.py is
better.
"""

from ml_collections import ConfigDict

from gv_jax.config import default


def get_config() -> ConfigDict:
    config = default.get_config()
    config.data.name = "simpsons"
    config.data.size = (255, 342)  # 4:3, as broadcast
    config.data.mean, config.data.std = (0.0,), (1.0,)  # images in [0, 1]
    config.model.name = "two_layer"
    config.train.batch_size = 100
    config.train.epochs = 5
    config.train.select = "last"
    config.optimizer.name = "adam"
    config.optimizer.learning_rate = 1e-4
    config.optimizer.schedule = "constant"
    return config
