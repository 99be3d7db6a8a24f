"""LEGO minifigures, which you supply: Kaggle's ihelon/lego-minifigures-classification, by a small residual network.

python -m gv_jax.main --config=configs/lego_minifigures.py --config.data.path=DIR

DIR holds index.csv, metadata.csv and the folders of pictures. Training and validation pictures are those listed, and
there is a test split only if there is a test.csv: without one, results are of the validation split, by which the epoch
would be chosen too, so the last weights are kept.
"""

from ml_collections import ConfigDict

from configs import base


def get_config() -> ConfigDict:
    config = base.get_config()
    config.data.name = "lego_minifigures"
    config.data.size = (224, 224)
    config.model.name = "resnet18"
    config.model.stem = "imagenet"
    config.train.batch_size = 32
    config.train.epochs = 40
    config.train.keep = "last"
    config.optimizer.weight_decay = 0.05
    config.augment.flip = 0.5
    config.augment.rotate = 10.0
    config.augment.resized_crop = 0.6
    config.augment.label_smoothing = 0.1
    return config
