"""LEGO minifigures, which you supply: Kaggle's ihelon/lego-minifigures-classification, by a fine-tuned SqueezeNet.

python -m gv_jax.main --config=configs/lego_minifigures.py --config.data.path=DIR --config.model.pretrained=FILE

DIR holds index.csv, metadata.csv and the folders of pictures; FILE is a SqueezeNet 1.1 in torchvision's names. Another
trunk: --config.model.name=resnet18 --config.model.pretrained=hub:timm/resnet18.a1_in1k. With --mode=probe only a new
head is found, in a minute. Training and validation pictures are those listed, and there is a test split only if there
is a test.csv: without one, results are of the validation split, by which the epoch would be chosen too, so the last
weights are kept.
"""

from ml_collections import ConfigDict

from gv_jax.config import default


def get_config() -> ConfigDict:
    config = default.get_config()
    config.data.name = "lego_minifigures"
    config.data.size = (176, 176)
    config.data.crop_pct = (
        0.8  # as many pixels for a figure as 220x220 of the whole photo, at less of the cost
    )
    config.model.name = "squeezenet1_1"
    config.train.batch_size = 16
    config.train.epochs = 60
    config.train.select = "last"
    config.optimizer.learning_rate = 3e-3
    config.optimizer.weight_decay = 0.01
    config.finetune.stage_lrs = (3e-3, 3e-4)  # of the head, and of all before it
    config.augment.flip = 0.5
    config.augment.rotate = 15.0
    config.augment.resized_crop = 0.6
    config.augment.pad_crop = 16.0
    config.augment.brightness = config.augment.contrast = config.augment.saturation = 0.2
    config.augment.hue = 0.02
    config.augment.label_smoothing = 0.1
    config.tta.flip = True
    config.tta.shift = 8
    return config
