"""A network whose parameters are sharded over the devices (FSDP, or ZeRO stage 3).

Between two steps each device holds its part of parameters, optimizer state and moving average. A
step gathers the parameters for its forward and backward pass, and updates only the device's part.
"""

import dataclasses
from typing import Any

import jax
import optax
from jax.sharding import Mesh

from gv_jax.distributed import choose_shardings, make_gather, place
from gv_jax.training.step import SplitModule, TrainState, Tree, init_train_state


@dataclasses.dataclass(frozen=True)
class ShardedModule(SplitModule):
    """A SplitModule whose parameters are gathered, already in the compute dtype, where it trains.

    Attributes:
        mesh: the devices.
    """

    mesh: Any = None

    @staticmethod
    def from_split(network: SplitModule, mesh: Mesh) -> "ShardedModule":
        """The same network on `mesh`."""
        fields = {field.name: getattr(network, field.name) for field in dataclasses.fields(network)}
        return ShardedModule(**fields, mesh=mesh)

    def apply_train(
        self, params: Tree, batch_stats: Tree, key: jax.Array, inputs: jax.Array, step: jax.Array
    ) -> tuple[jax.Array, Tree]:
        """As of SplitModule; `params` are sharded, and so are their gradients."""
        return super().apply_train(make_gather(self.mesh)(params), batch_stats, key, inputs, step)


def init_placed_state(
    network: SplitModule,
    optimizer: optax.GradientTransformation,
    mesh: Mesh,
    *,
    ema: bool,
    sharded: bool,
) -> TrainState:
    """As `init_train_state`, on the devices, by one compiled function.

    Args:
        network: with its weights; of a sharded state, in the memory of the host, so that no device
            ever holds a whole large array.
        optimizer: of the parameters.
        mesh: the devices.
        ema: whether the state holds a moving average.
        sharded: whether large arrays are divided among the devices.
    """

    def init(params: Tree, batch_stats: Tree) -> TrainState:
        weighted = dataclasses.replace(network, params=params, batch_stats=batch_stats)
        return init_train_state(weighted, optimizer, ema=ema)

    weights = (network.params, network.batch_stats)
    weights = place(weights, choose_shardings(weights, mesh, sharded=sharded))
    shardings = choose_shardings(jax.eval_shape(init, *weights), mesh, sharded=sharded)
    return jax.jit(init, out_shardings=shardings)(*weights)
