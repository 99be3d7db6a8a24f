"""A grid over learning rate and momentum of SGD, for --method=grid."""

from gv_jax.search.space import Categorical, Float

SPACE = {
    "optimizer.name": Categorical(("sgd",)),
    "optimizer.learning_rate": Float(1e-3, 1e-1, log=True, steps=5),
    "optimizer.momentum": Categorical((0.0, 0.5, 0.9, 0.95)),
}
