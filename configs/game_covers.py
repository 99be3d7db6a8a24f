"""Classify the genre of a video game from its cover; you supply the covers.

gv-jax train --config=configs/game_covers.py --config.data.path=DIR [--config.task=multi_label]

DIR holds a folder of covers for each genre, or a CSV file with the columns file and genres (one or
several, separated by | ; or ,). Duplicates are dropped and all covers of a title are in one split;
report.json in the run directory gives the counts. A cover of several genres has the first one by
alphabet, or by --config.data.game_covers.genres="('fighting','indie','sport')", as its label;
the task multi_label uses all of them.

Published (Video Game Genre Classifier, CSSE/MA416; 5,000 covers of five genres, 4,143 after
de-duplication, 80 % for training): accuracy 50.4 % by a fine-tuned ResNet-50. It states a
majority-class baseline of 53 %, but its own table has 200 covers of the largest class among the 829
of the test split: 24 %.
"""

from ml_collections import ConfigDict

from gv_jax.config import default


def get_config() -> ConfigDict:
    config = default.get_config()
    config.data.name = "game_covers"
    config.data.size = (224, 224)
    config.data.test_fraction = 0.2
    config.model.name = "resnet18"
    config.train.batch_size = 32
    config.train.epochs = 15
    config.optimizer.weight_decay = 3e-3
    config.augment.flip = 0.5
    config.augment.resized_crop = 0.7
    config.augment.rotate = 15.0
    config.augment.shear = 10.0
    config.augment.brightness = config.augment.contrast = config.augment.saturation = 0.2
    config.augment.erase = 0.5
    return config
