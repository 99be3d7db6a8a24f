"""Cartoon characters of The Simpsons, which you supply, by a two-layer CNN.

python -m gv_jax.main --config=configs/simpsons.py --config.data.path=DIR [--config.data.preprocess=crop]

To compare as published, run --config.data.preprocess=vanilla, crop, denoise (pip install -e '.[image]') and
super_resolution (--config.data.super_resolution=RUN_FOLDER; at four times the cost, as pictures are twice as high and
wide), each with a --workdir of its own. Pictures of another shape than 4:3, of which there are many, are stretched;
--config.data.resize_mode=pad keeps their shape.

Published (Multiclass Image Classification with CNNs, 2023; six characters, 8,063 pictures to train on, 300 to test,
two hours on a laptop): accuracy and F1 0.81 with super_resolution, vanilla nearly the same, denoise worse, crop the
worst. It does not name its optimizer; here it is Adam at 1e-4: the one linear layer has 171,360 inputs, which at 1e-3
threw it about (28 % on the test split after five epochs of 1,440 pictures of four characters, where the floor is 25 %;
57 % at 1e-4, mean of three seeds, without what is in the test too). One epoch of these takes 42 s on 2 CPU cores, in
3.5 GB; experiments/simpsons_resnet18.py does better.
"""

from ml_collections import ConfigDict

from gv_jax.config import default


def get_config() -> ConfigDict:
    config = default.get_config()
    config.data.name = "simpsons"
    config.data.size = (255, 342)  # 4:3, as broadcast
    config.data.mean, config.data.std = (0.0,), (1.0,)  # pictures in [0, 1]
    config.model.name = "two_layer"
    config.train.batch_size = 100
    config.train.epochs = 5
    config.train.select = "last"
    config.optimizer.name = "adam"
    config.optimizer.learning_rate = 1e-4
    config.optimizer.schedule = "constant"
    return config
