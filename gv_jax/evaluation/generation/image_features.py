"""Features of small images by EfficientNet-Lite0 with the weights of ImageNet, in a package."""

import logging
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from gv_jax.errors import UserError
from gv_jax.models import build, model_class
from gv_jax.models.ops.pooling import global_pool
from gv_jax.models.pretrained import package
from gv_jax.models.pretrained.load import load_pretrained
from gv_jax.models.pretrained.pretrained_cfg import load_pretrained_cfg
from gv_jax.training.step import SplitModule, Tree

LOGGER = logging.getLogger(__name__)
NAME = "efficientnet_lite0"
NUM_FEATURES = 1280
BACKGROUND = 128  # gray level under transparent pixels
INPUT_SIDE = 128  # pixels that the longer side is enlarged to, about
BATCH_SIZE = 64

Embed = Callable[[np.ndarray], np.ndarray]


def load_embed() -> Embed | None:
    """A function uint8 [n h w c] -> float32 [n 1280]: the inputs of the ImageNet classifier.

    RGBA images are composited over the gray BACKGROUND. Images are enlarged by an integer factor,
    without interpolation, and standardized as the weights' `pretrained_cfg` says. None if the
    package of weights is not installed or cannot be read; a warning says why.
    """
    try:
        file = package.fetch(f"{package.PACKAGE_PREFIX}{NAME}")
    except UserError as error:
        reason = str(error).removeprefix("config.model.pretrained: ")
        LOGGER.warning("KID, precision, recall and class accuracy are not measured: %s", reason)
        return None
    cfg = load_pretrained_cfg(model_class(NAME), file)
    network = SplitModule.from_module(load_pretrained(build_zeros(), file))
    mean, std = (
        np.array(values, np.float32).reshape(1, 1, 1, -1) for values in (cfg.mean, cfg.std)
    )

    @jax.jit
    def extract(params: Tree, batch_stats: Tree, images: jax.Array) -> jax.Array:
        inputs = (enlarge(composite(images)) - mean) / std
        model = network.merge_eval(params, batch_stats)
        return global_pool(model.features(inputs)["top"])

    def embed(images: np.ndarray) -> np.ndarray:
        parts = [np.empty((0, NUM_FEATURES), np.float32)]
        for start in range(0, len(images), BATCH_SIZE):
            batch = np.asarray(images[start : start + BATCH_SIZE])
            missing = BATCH_SIZE - len(batch)
            padded = np.concatenate([batch, np.zeros((missing, *batch.shape[1:]), np.uint8)])
            features = extract(network.params, network.batch_stats, jnp.asarray(padded))
            parts.append(np.asarray(features)[: len(batch)])
        return np.concatenate(parts)

    return embed


def build_zeros() -> nnx.Module:
    """EfficientNet-Lite0 with weights of 0: compiling 50 random ones takes 15 s on one core."""

    def make() -> nnx.Module:
        return build(NAME, inputs=3, classes=1000, rngs=nnx.Rngs(0))

    @jax.jit
    def make_state() -> tuple[nnx.State, nnx.State]:
        _, params, rest = nnx.split(make(), nnx.Param, ...)
        return jax.tree.map(jnp.zeros_like, params), rest

    return nnx.merge(nnx.graphdef(nnx.eval_shape(make)), *make_state())


def composite(images: jax.Array) -> jax.Array:
    """uint8 gray, RGB or RGBA [n h w c] -> float32 RGB in [0, 1], over BACKGROUND."""
    values = images.astype(jnp.float32) / 255
    if images.shape[-1] < 4:
        return jnp.broadcast_to(values, (*values.shape[:-1], 3))
    colors, alpha = values[..., :3], values[..., 3:]
    return colors * alpha + BACKGROUND / 255 * (1 - alpha)


def enlarge(images: jax.Array) -> jax.Array:
    """Images [n h w c] with every pixel repeated, so that their longer side is near INPUT_SIDE."""
    factor = max(1, round(INPUT_SIDE / max(images.shape[1:3])))
    return images.repeat(factor, 1).repeat(factor, 2)
