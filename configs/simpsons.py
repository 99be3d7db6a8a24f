"""Cartoon characters of The Simpsons, which you supply, by a two-layer CNN.

python -m gv_jax.main --config=configs/simpsons.py --config.data.path=DIR [--config.data.preprocess=crop]

To compare, as published, --config.data.preprocess=vanilla, crop, denoise (pip install -e '.[image]') and
super_resolution (with --config.data.super_resolution=RUN_FOLDER), each with a --workdir of its own.
"""

from ml_collections import ConfigDict

from configs import base


def get_config() -> ConfigDict:
    config = base.get_config()
    config.data.name = "simpsons"
    config.data.size = (255, 342)  # 4:3, as broadcast
    config.data.mean, config.data.std = (0.0,), (1.0,)  # pictures in [0, 1]
    config.model.name = "two_layer"
    config.train.batch_size = 100
    config.train.epochs = 5
    config.train.keep = "last"
    config.optimizer.name = "adam"
    config.optimizer.schedule = "constant"
    return config
