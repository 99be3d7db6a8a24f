"""Learning rates of the head and the backbone, and how many stages are trained."""

from gv_jax.search.space import Categorical, Float

SPACE = {
    "optimizer.learning_rate": Float(1e-4, 1e-2, log=True),
    "finetune.layer_decay": Categorical((1.0, 0.7, 0.5, 0.3)),
    "finetune.last_stages": Categorical((0, 2, 3)),
    "optimizer.weight_decay": Float(1e-3, 0.3, log=True),
}
