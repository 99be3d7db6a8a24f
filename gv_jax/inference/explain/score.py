"""The function that explanations are of: pixels -> logit of one class, and the feature maps."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from gv_jax.tasks.run_task import RunTask
from gv_jax.training.cast import cast_floats
from gv_jax.training.step import SplitModule, Tree, transform_inputs

# Images float32 [n h w c] in [0, 255] -> logits of the class [n], feature maps by name [n ...]
Score = Callable[[Array], tuple[Array, dict[str, Array]]]
CHUNK_PIXELS = 2**19  # of the images that are computed at a time: limits memory


def make_score(
    network: SplitModule,
    task: RunTask,
    weights: tuple[Tree, Tree],
    label: Array | int,
    *,
    dtype: Any,
) -> Score:
    """The function from images to the logit of one class and the feature maps of the network.

    Args:
        network: A classifier.
        task: Makes its inputs.
        weights: (params, batch_stats).
        label: Index of the class.
        dtype: What the network computes in.
    """

    def score(images: Array) -> tuple[Array, dict[str, Array]]:
        shape = (len(images), task.outputs) if task.multi_label else (len(images),)
        labels = jnp.zeros(shape, jnp.float32 if task.multi_label else jnp.int32)  # not used
        inputs = transform_inputs(task, {"image": images, "label": labels}, [lambda x: x])
        params, batch_stats = weights
        model = network.merge_eval(cast_floats(params, dtype), batch_stats)
        maps = record_features(model)
        logits = model(inputs.astype(dtype)).astype(jnp.float32)
        return logits[:, label], maps

    return score


def record_features(model: Any) -> dict[str, Array]:
    """A dict that holds the feature maps of the network after it was called.

    The model is unusable afterwards.
    """
    maps: dict[str, Array] = {}
    features = model.features

    def record(x: Array) -> dict[str, Array]:
        maps.update(features(x))
        return maps

    model.features = record
    return maps


def map_chunks(function: Callable[[Array], Array], items: Array, *, pixels: int) -> Array:
    """Applies a function to so many items at a time that they have at most CHUNK_PIXELS pixels.

    Args:
        function: Items [m ...] -> one array per item [m ...].
        items: [n ...], n at least 1.
        pixels: Of the image that is computed for an item.

    Returns:
        The arrays of all items [n ...].
    """
    count = len(items)
    size = min(count, max(1, CHUNK_PIXELS // pixels))
    padding = jnp.zeros((-count % size, *items.shape[1:]), items.dtype)
    chunks = jnp.concatenate([items, padding]).reshape(-1, size, *items.shape[1:])
    results = jax.lax.map(function, chunks)
    return results.reshape(-1, *results.shape[2:])[:count]
