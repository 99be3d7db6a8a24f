"""Activations inside a network: inputs of its classifier, feature maps of its first layers."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from gv_jax.data.augment.tta import Transform
from gv_jax.models.layers import Conv
from gv_jax.models.stages import capture_input
from gv_jax.models.summary import layer_outputs
from gv_jax.training.cast import cast_floats
from gv_jax.training.step import SplitModule, Tree, eval_key, transform_inputs
from gv_jax.training.task import Batch, Task


def make_features(
    network: SplitModule,
    task: Task,
    layer: str,
    transforms: Sequence[Transform],
    *,
    dtype: Any = jnp.float32,
) -> Callable[[Tree, Tree, Batch], tuple[jax.Array, jax.Array]]:
    """The inputs of a layer: (params, batch_stats, batch) -> (features [n t f], max norms [n]).

    Args:
        network: in evaluation mode.
        task: makes the network inputs.
        layer: dotted path.
        transforms: t views of every image.
        dtype: what the network computes in.

    Returns:
        A function that gives the mean over pixels of the layer's input for every view, float32, and
        the largest norm of the vector of one pixel.
    """

    def extract(params: Tree, batch_stats: Tree, batch: Batch) -> tuple[jax.Array, jax.Array]:
        inputs, num_images = transform_inputs(task, batch, transforms), len(batch["image"])
        model = network.merge_eval(cast_floats(params, dtype), batch_stats)
        vectors = capture_input(model, layer, inputs.astype(dtype)).astype(jnp.float32)
        vectors = vectors.reshape(len(transforms), num_images, -1, vectors.shape[-1])  # [t n p f]
        return vectors.mean(2).swapaxes(0, 1), jnp.sqrt((vectors**2).sum(-1)).max((0, 2))

    return extract


def make_feature_maps(
    network: SplitModule, task: Task, count: int = 2
) -> Callable[[Tree, Tree, Batch], dict[str, jax.Array]]:
    """Outputs of the first `count` layers with convolutions, name -> [n h w c], of a batch."""

    def feature_maps(params: Tree, batch_stats: Tree, batch: Batch) -> dict[str, jax.Array]:
        inputs, _ = task.make_inputs(eval_key(), *task.prepare_batch(batch))
        outputs = layer_outputs(network.merge_eval(params, batch_stats), inputs)
        maps = {name: output for name, layer, output in outputs if has_conv(layer)}
        return dict(list(maps.items())[:count])

    return feature_maps


def has_conv(layer: nnx.Module) -> bool:
    """Whether a layer is or contains a convolution."""
    return any(isinstance(module, Conv) for _, module in nnx.iter_modules(layer))
