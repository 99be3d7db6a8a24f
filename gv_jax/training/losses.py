"""Losses of classifiers, with what evens out classes of different sizes. Logits and targets [n k] -> [n], in nats.

Targets are shares of 1 (one-hot, or mixed and smoothed). All of it changes training only: whatever is validated and
reported is the plain cross entropy of the plain logits.
"""

from collections.abc import Callable, Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

Loss = Callable[[jax.Array, jax.Array], jax.Array]
CLASS_WEIGHTING = {
    "": 0.0,
    "inverse": 1.0,
    "inverse_sqrt": 0.5,
}  # how class weights fall with a class's pictures
EPS = 1e-7  # 1 - p is not taken for less: a power below 1 has no slope at 0


def balance_weights(counts: Sequence[int], kind: str) -> np.ndarray:
    """1/n ("inverse") or 1/sqrt(n) ("inverse_sqrt") for classes of n pictures each: float32 [k].

    Normalised so that their mean over the training pictures, sum n w / sum n, is 1: the learning rate means what it
    means without weights. A class without pictures counts as one of one picture.
    """
    n = np.asarray(counts, np.float64)
    weights = np.maximum(n, 1.0) ** -CLASS_WEIGHTING[kind]
    return (weights * n.sum() / (weights * n).sum()).astype(np.float32)


def softmax_loss(
    logits: jax.Array,
    targets: jax.Array,
    *,
    weights: Sequence[float] | np.ndarray = (1.0,),
    focal: float = 0.0,
    shift: Sequence[float] | np.ndarray = (0.0,),
) -> jax.Array:
    """sum_c t_c w_c (1 - p_c)^focal (-log p_c), where p = softmax(logits + shift).

    weights: [k], or [1] for all. With smoothed targets it is PyTorch's `cross_entropy(weight=, label_smoothing=)`
    of each sample. focal: gamma of Lin et al. 2017, "Focal loss for dense object detection". shift: [k], tau log
    prior for the logit-adjusted loss of Menon et al. 2021, "Long-tail learning via logit adjustment" (eq. 10).
    """
    log_p = jax.nn.log_softmax(logits + jnp.asarray(shift, jnp.float32).reshape(1, -1))
    return -(
        targets
        * jnp.asarray(weights, jnp.float32).reshape(1, -1)
        * _focal_factor(log_p, focal)
        * log_p
    ).sum(-1)


def sigmoid_loss(logits: jax.Array, targets: jax.Array, *, focal: float = 0.0) -> jax.Array:
    """The mean over labels of t (1 - p)^focal (-log p) + (1 - t) p^focal (-log(1 - p)), where p = sigmoid(logits).

    Every label is a question of its own, so targets need not sum to 1; those that mixup made are shares of yes.
    """
    yes, no = jax.nn.log_sigmoid(logits), jax.nn.log_sigmoid(-logits)
    return -(
        targets * _focal_factor(yes, focal) * yes + (1 - targets) * _focal_factor(no, focal) * no
    ).mean(-1)


def _focal_factor(log_p: jax.Array, power: float) -> jax.Array:
    """(1 - p)^power."""
    return jnp.maximum(1 - jnp.exp(log_p), EPS) ** power if power else jnp.ones_like(log_p)


def make_softmax_loss(
    counts: Sequence[int], class_weights: str, focal: float, logit_adjustment: float
) -> Loss:
    """The loss of a classifier whose classes have `counts` training pictures.

    class_weights: a name in POWERS. logit_adjustment: tau of log shares of the classes; a class without pictures counts as
    one of one picture. All off, it is the plain cross entropy.
    """
    prior = np.maximum(np.asarray(counts, np.float64), 1.0)
    shift = logit_adjustment * np.log(prior / prior.sum())
    return partial(
        softmax_loss, weights=balance_weights(counts, class_weights), focal=focal, shift=shift
    )
