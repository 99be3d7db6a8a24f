"""Frozen networks inside of a trained one."""

from typing import Any

from flax import nnx

from gv_jax.models.dropout import Dropout, DropRate, StochasticDepth
from gv_jax.models.normalization import BatchNorm


class FrozenBatchNorm(BatchNorm):
    """Batch normalization that uses its running statistics and never updates them."""

    def __init__(self, norm: BatchNorm):
        self.scale, self.bias = nnx.BatchStat(norm.scale[...]), nnx.BatchStat(norm.bias[...])
        self.mean, self.var = norm.mean, norm.var
        self.momentum, self.epsilon = norm.momentum, norm.epsilon
        self.use_running_average = True

    def set_view(self) -> None:
        """Takes no option, so that no view switches it."""


def freeze(model: Any) -> Any:
    """Turns the parameters of `model` into batch statistics: saved, not trained.

    Its batch normalization uses the running statistics, its dropout and stochastic depth are off.
    """
    for _, module in list(nnx.iter_modules(model)):
        if isinstance(module, Dropout):
            module.rate = DropRate(0 * module.rate[...])
        if isinstance(module, StochasticDepth):
            module.rate = 0.0
        for name, value in list(vars(module).items()):
            if isinstance(value, BatchNorm):
                setattr(module, name, FrozenBatchNorm(value))
            elif isinstance(value, nnx.Param):
                setattr(module, name, nnx.BatchStat(value[...]))
    return model
