"""Classify LEGO minifigures (Kaggle's ihelon/lego-minifigures-classification) by fine-tuning.

gv-jax train --config=configs/lego_minifigures.py --config.data.path=DIR \\
    --config.model.pretrained=FILE

DIR holds index.csv, metadata.csv and the image folders; FILE is a SqueezeNet 1.1 in torchvision's
names. Another backbone: --config.model.name=resnet18
--config.model.pretrained=hub:timm/resnet18.a1_in1k. --mode=probe fits a linear classifier on frozen
features in a minute. The listed train and validation splits are used; there is a test split only
with a test.csv. Without one, the results are of the validation split, so no epoch is selected by
it: the last weights are reported. Without pretrained weights, all stages are trained at one
learning rate, and accuracy is far lower (docs/studies/README.md).
"""

from ml_collections import ConfigDict

from gv_jax.config import default


def get_config(pretrained: str = "") -> ConfigDict:
    """The configuration; `pretrained` is the later value of config.model.pretrained."""
    config = default.get_config()
    config.data.name = "lego_minifigures"
    config.data.size = (176, 176)
    config.data.crop_pct = 0.8  # the resolution of 220x220 without the crop, at lower cost
    config.model.name = "squeezenet1_1"
    config.train.batch_size = 16
    config.train.epochs = 60
    config.train.select = "last"
    config.optimizer.weight_decay = 0.01
    config.augment.flip = 0.5
    config.augment.rotate = 15.0
    config.augment.resized_crop = 0.6
    config.augment.pad_crop = 16.0
    config.augment.brightness = config.augment.contrast = config.augment.saturation = 0.2
    config.augment.hue = 0.02
    config.augment.label_smoothing = 0.1
    config.tta.flip = True
    config.tta.shift = 8
    if pretrained:
        config.optimizer.learning_rate = 3e-3
        config.finetune.stage_lrs = (3e-3, 3e-4)  # of the head and of the backbone
    return config
