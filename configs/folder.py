"""Train on your own folder of pictures, one sub-folder per class (or train/, valid/, test/ with those inside).

python -m gv_jax.main --config=configs/folder.py:PATH

On 1,600 stills of four cartoon characters, split at random: five minutes on 2 CPU cores, 2 GB, test accuracy 0.838
(seed 0, 160 pictures), where the most frequent class is right for 0.25.
"""

from ml_collections import ConfigDict

from gv_jax.config import default
from gv_jax.errors import UserError


def get_config(path: str = "") -> ConfigDict:
    if not path:
        raise UserError("say which folder: --config=configs/folder.py:PATH")
    config = default.get_config()
    config.data.name = "image_folder"
    config.data.path = path
    config.model.name = "resnet18"
    config.train.batch_size = 64
    config.train.epochs = 30
    config.optimizer.weight_decay = 0.05
    config.augment.flip = 0.5
    config.augment.pad_crop = 4.0
    config.augment.label_smoothing = 0.1
    return config
