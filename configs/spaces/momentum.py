"""The classic grid of stochastic gradient descent; for --method=grid."""

from gv_jax.search.space import Choice, Real

SPACE = {
    "optimizer.name": Choice(("sgd",)),
    "optimizer.learning_rate": Real(1e-3, 1e-1, log=True, steps=5),
    "optimizer.momentum": Choice((0.0, 0.5, 0.9, 0.95)),
}
