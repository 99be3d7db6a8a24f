"""Classify the genre of a video game from its cover; you supply the covers.

gv-jax train --config=configs/game_covers.py --config.data.path=DIR \\
    [--config.model.pretrained=hub:timm/resnet18.a1_in1k] [--config.task=multi_label]

With pretrained weights, the recipe of the published project is the default: only the last two
stages and the head are trained, each with its own low learning rate (Yosinski et al. 2014). Without
weights, all stages are trained at one learning rate.

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


def get_config(pretrained: str = "") -> ConfigDict:
    """The configuration; `pretrained` is the later value of config.model.pretrained."""
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
    if pretrained:
        config.model.dropout = 0.5
        config.finetune.last_stages = 3  # the last two stages and the head
        config.finetune.stage_lrs = (1e-4, 1e-5, 1e-6)  # of the head first
    return config
