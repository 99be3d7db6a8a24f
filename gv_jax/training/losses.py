"""Losses of classifiers, with corrections for imbalanced classes: logits and targets [n k] -> [n].

In nats. Targets are one-hot, or mixed and smoothed. Only training uses the corrections: validation
and reports use the plain cross-entropy. Written here because Optax has no class weights, no
softmax focal loss and no logit adjustment.
"""

from collections.abc import Callable, Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

Loss = Callable[[jax.Array, jax.Array], jax.Array]
CLASS_WEIGHTING = {"": 0.0, "inverse": 1.0, "inverse_sqrt": 0.5}  # weight ~ count ** -exponent
EPS = 1e-7  # lower bound of 1 - p; for gamma < 1 the gradient of (1 - p)**gamma is infinite at 0


def balance_weights(counts: Sequence[int], class_weights: str) -> np.ndarray:
    """Class weights float32 [k]: 1 / n ("inverse") or 1 / sqrt(n) ("inverse_sqrt").

    n is the number of training images of a class, at least 1. The mean of the weights over the
    training images is 1, so that the best learning rate hardly changes.
    """
    n = np.asarray(counts, np.float64)
    weights = np.maximum(n, 1.0) ** -CLASS_WEIGHTING[class_weights]
    return (weights * n.sum() / (weights * n).sum()).astype(np.float32)


def softmax_loss(
    logits: jax.Array,
    targets: jax.Array,
    *,
    weights: Sequence[float] | np.ndarray = (1.0,),
    focal: float = 0.0,
    logit_bias: Sequence[float] | np.ndarray = (0.0,),
) -> jax.Array:
    """sum_c t_c w_c (1 - p_c)^focal (-log p_c), where p = softmax(logits + logit_bias).

    Args:
        logits: [n k].
        targets: t, [n k]. With smoothed targets the loss is PyTorch's
            `cross_entropy(weight=, label_smoothing=)` of each sample.
        weights: w, [k], or [1] for all.
        focal: gamma of Lin et al. 2017, "Focal loss for dense object detection".
        logit_bias: [k], or [1] for all. tau * log prior gives the logit-adjusted loss of Menon et
            al. 2021, "Long-tail learning via logit adjustment" (eq. 10).
    """
    bias = jnp.asarray(logit_bias, jnp.float32).reshape(1, -1)
    log_p = jax.nn.log_softmax(logits + bias)
    class_weights = jnp.asarray(weights, jnp.float32).reshape(1, -1)
    return -(targets * class_weights * _focal_factor(log_p, focal) * log_p).sum(-1)


def sigmoid_loss(logits: jax.Array, targets: jax.Array, *, focal: float = 0.0) -> jax.Array:
    """The mean over labels of t (1 - p)^focal (-log p) + (1 - t) p^focal (-log(1 - p)).

    Args:
        logits: [n k]; p = sigmoid(logits).
        targets: t, [n k], the probability of each label; rows need not sum to 1.
        focal: gamma of the focal loss, as of `softmax_loss`.
    """
    log_p, log_not_p = jax.nn.log_sigmoid(logits), jax.nn.log_sigmoid(-logits)
    positive = targets * _focal_factor(log_p, focal) * log_p
    negative = (1 - targets) * _focal_factor(log_not_p, focal) * log_not_p
    return -(positive + negative).mean(-1)


def _focal_factor(log_p: jax.Array, focal: float) -> jax.Array:
    """(1 - p)^focal."""
    return jnp.maximum(1 - jnp.exp(log_p), EPS) ** focal if focal else jnp.ones_like(log_p)


def make_softmax_loss(
    counts: Sequence[int], class_weights: str, focal: float, logit_adjustment: float
) -> Loss:
    """The training loss of a classifier; with all options off, the plain cross-entropy.

    Args:
        counts: training images of each class; a class without images counts as one of 1 image.
        class_weights: in CLASS_WEIGHTING.
        focal: gamma of the focal loss; 0: off.
        logit_adjustment: tau, the factor on the log priors of the classes; 0: off.
    """
    prior = np.maximum(np.asarray(counts, np.float64), 1.0)
    return partial(
        softmax_loss,
        weights=balance_weights(counts, class_weights),
        focal=focal,
        logit_bias=logit_adjustment * np.log(prior / prior.sum()),
    )
