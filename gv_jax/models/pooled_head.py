"""A linear head on several pooled feature maps of a backbone."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from gv_jax.errors import UserError, unknown
from gv_jax.models.backgrounds import Composite, join_composites
from gv_jax.models.layers import Linear
from gv_jax.models.stages import get_node, stages_of

ALL, LAST = "all", "last"  # all maps; the input of the backbone's own head
SEPARATOR = "+"  # between names of maps
HEAD = "head"
ANY_SIZE = (256, 256)  # pixels; feature maps have as many channels at any size


class Standardize(nnx.Module):
    """(x - mean) / std of each feature, constants that no training changes.

    A feature that is constant in the data they were computed from has a standard deviation of
    infinity, so that it is 0.
    """

    def __init__(self, num_features: int):
        self.mean = nnx.BatchStat(jnp.zeros(num_features))
        self.inverse_std = nnx.BatchStat(jnp.ones(num_features))

    def __call__(self, x: Array) -> Array:
        return (x - self.mean[...][None]) * self.inverse_std[...][None]


class PooledHead(nnx.Module):
    """A linear head on feature maps: pooled over pixels by mean and by maximum, standardized.

    A map without pixels [n f] is used as it is. The backbone's own classifier layer is left out.
    With a `composite`, the backbone computes the maps of RGBA images over every background.
    """

    def __init__(
        self,
        backbone: nnx.Module,
        shapes: Mapping[str, Sequence[int]],
        *,
        out_features: int,
        rngs: nnx.Rngs,
        composite: Composite | None = None,
    ):
        """Draws the weights of the head.

        Args:
            backbone: a classifier; it loses its classifier layer.
            shapes: of its feature maps that are used, by name.
            out_features: number of classes.
            rngs: random streams.
            composite: of RGBA images for a backbone of 3 channels; None: it takes the images.
        """
        width = sum(map(count_pooled, shapes.values()))
        self.num_backgrounds = len(composite.grays) if composite else 1
        width *= self.num_backgrounds
        self.composite = composite
        self.map_names = tuple(shapes)
        self.backbone = backbone
        *_, path = stages_of(backbone, type(backbone).__name__)[HEAD]
        parent, _, attribute = path.rpartition(".")
        delattr(get_node(backbone, parent), attribute)
        self.standardize = Standardize(width)
        self.head = Linear(width, out_features, rngs=rngs)

    def features(self, x: Array) -> dict[str, Array]:
        """The feature maps of the backbone."""
        backbone: Any = self.backbone
        if self.composite is None:
            return backbone.features(x)
        maps = backbone.features(self.composite(x))
        return {name: join_composites(value, self.num_backgrounds) for name, value in maps.items()}

    def stages(self) -> dict[str, tuple[str, ...]]:
        """The modules of each stage, from input to output."""
        backbone: Any = self.backbone
        paths = {
            stage: tuple(f"backbone.{module}" for module in modules)
            for stage, modules in backbone.stages().items()
        }
        return {**paths, HEAD: (*paths[HEAD][:-1], "standardize", "head")}

    def __call__(self, x: Array) -> Array:
        maps = self.features(x)
        pooled = [vector for name in self.map_names for vector in pool_map(maps[name])]
        return self.head(self.standardize(jnp.concatenate(pooled, 1)))  # [n classes]


def pool_map(feature_map: Array) -> list[Array]:
    """The mean and the maximum over pixels, float32 [n c] each; of a map [n f] itself."""
    feature_map = feature_map.astype(jnp.float32)
    if feature_map.ndim == 2:
        return [feature_map]
    return [feature_map.mean((1, 2)), feature_map.max((1, 2))]


def count_pooled(shape: Sequence[int]) -> int:
    """The number of features that `pool_map` makes of a map of this shape."""
    return shape[-1] * (1 if len(shape) == 2 else 2)


def map_shapes(
    backbone: nnx.Module, size: tuple[int, int], in_features: int
) -> Mapping[str, tuple[int, ...]]:
    """The shape of each feature map for one image, from input to output; nothing is computed."""
    graph, state = nnx.split(backbone)
    shapes: dict[str, tuple[int, ...]] = {}  # JAX would sort the maps by name

    def call(state: Any, x: Array) -> None:
        model: Any = nnx.merge(graph, state)
        shapes.update({name: value.shape for name, value in model.features(x).items()})

    jax.eval_shape(call, state, jax.ShapeDtypeStruct((1, *size, in_features), jnp.float32))
    return shapes


def select_maps(maps: str, valid: Sequence[str]) -> tuple[str, ...]:
    """The names in `maps`, "all" or names joined by "+", in the order of `valid`.

    Raises:
        UserError: an unknown or repeated name, or "all" or "last" beside others.
    """
    if maps == ALL:
        return tuple(valid)
    names = maps.split(SEPARATOR)
    for name in names:
        if name in (ALL, LAST):
            raise UserError(f"config.probe.maps={maps}: give {name} alone, or names of maps")
        if name not in valid:
            raise unknown("feature map (config.probe.maps)", name, [*valid, ALL, LAST])
    if len(set(names)) < len(names):
        raise UserError(f"config.probe.maps={maps}: a name is given twice")
    return tuple(name for name in valid if name in names)


def has_pooled_head(maps: str) -> bool:
    """Whether config.probe.maps asks for a head on pooled feature maps."""
    return maps not in ("", LAST)


def with_pooled_head(
    backbone: nnx.Module,
    maps: str,
    *,
    in_features: int,
    out_features: int,
    size: tuple[int, int],
    seed: int,
    composite: Composite | None = None,
) -> PooledHead:
    """`backbone` with a head on feature maps in place of its own.

    Args:
        backbone: a classifier.
        maps: config.probe.maps: "all", or names joined by "+".
        in_features: channels that the backbone takes.
        out_features: number of classes.
        size: (height, width) of the images in pixels; (0, 0): any.
        seed: of the random weights of the head.
        composite: of RGBA images for a backbone of 3 channels; None: it takes the images.

    Raises:
        UserError: an unknown feature map.
    """
    shapes = map_shapes(backbone, size if all(size) else ANY_SIZE, in_features)
    return PooledHead(
        backbone,
        {name: shapes[name] for name in select_maps(maps, list(shapes))},
        out_features=out_features,
        rngs=nnx.Rngs(seed),
        composite=composite,
    )
