"""Networks whose weights stay as they are while they are a part of one that learns."""

from typing import Any

from flax import nnx

from gv_jax.models.dropout import Dropout, DropRate
from gv_jax.models.normalization import BatchNorm


class FrozenBatchNorm(BatchNorm):
    """Batch normalisation that uses and keeps the statistics it was made with, in training too."""

    def __init__(self, norm: BatchNorm):
        self.scale, self.bias = nnx.BatchStat(norm.scale[...]), nnx.BatchStat(norm.bias[...])
        self.mean, self.var = norm.mean, norm.var
        self.momentum, self.epsilon = norm.momentum, norm.epsilon
        self.use_running_average = True

    def set_view(self) -> None:
        """No view switches it."""


def freeze_batch_norm(model: Any) -> Any:
    """`model`, all of whose weights are kept like batch statistics: saved, but not trained. Nothing is dropped."""
    for _, module in list(nnx.iter_modules(model)):
        if isinstance(module, Dropout):
            module.rate = DropRate(0 * module.rate[...])
        for name, value in list(vars(module).items()):
            if isinstance(value, BatchNorm):
                setattr(module, name, FrozenBatchNorm(value))
            elif isinstance(value, nnx.Param):
                setattr(module, name, nnx.BatchStat(value[...]))
    return model
