"""Which model the names and shapes of a state dict fit."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from flax import nnx

from gv_jax import models
from gv_jax.errors import UserError
from gv_jax.models import CLASSIFIERS, COLORIZERS, UPSCALERS, model_class, model_options
from gv_jax.models.colorization import BackboneColorizer, Fusion
from gv_jax.models.pretrained.key_maps import COUNTER, IGNORED_KEYS, KEY_MAPS
from gv_jax.models.pretrained.layer_keys import StageKeyMaps
from gv_jax.models.pretrained.prefixes import find_prefix
from gv_jax.models.pretrained.state_dict import model_stages, stem_source
from gv_jax.models.stages import get_node
from gv_jax.models.vit import VisionTransformer

BACKBONE_ATTR = {BackboneColorizer: "backbone", Fusion: "classifier"}  # its weights are pretrained
MIN_SIMILARITY = 0.8  # of weights that fit a model
MIN_STAGES = 2  # that a state dict needs to be of a model
IMAGENET_CLASSES = 1000
GROUPS = (CLASSIFIERS, COLORIZERS, UPSCALERS)  # models for the same tasks


class Architecture(NamedTuple):
    """A model that loads pretrained weights, and how it is chosen.

    Attributes:
        network: name in CLASSIFIERS, UPSCALERS or COLORIZERS of what the weights are of.
        fields: fields of config.model.
    """

    network: str
    fields: tuple[tuple[str, str], ...]

    @property
    def name(self) -> str:
        """The model that `fields` choose."""
        return dict(self.fields)["name"]

    @property
    def flags(self) -> str:
        """The fields as arguments of `gv-jax train`."""
        return " ".join(f"--config.model.{field}={value}" for field, value in self.fields)


def find_architecture(
    tensors: Mapping[str, np.ndarray], network: nnx.Module, kind: type[nnx.Module]
) -> Architecture | None:
    """The model that a state dict fits better than `network`, or None if it fits no other.

    Of equally similar models, one for the tasks of `kind` is preferred.

    Args:
        tensors: the state dict, in any order of axes, with or without a prefix.
        network: what it was meant for; its class is in KEY_MAPS.
        kind: class of the model that has `network`.
    """
    own = similarity_of(network, tensors)
    best, best_score = None, max(own, MIN_SIMILARITY - 1e-9)
    candidates = list(architectures())
    if own >= MIN_SIMILARITY:  # another option of the same class may fit better
        candidates = [one for one in candidates if model_class(one.network) is type(network)]
    for architecture in sorted(candidates, key=lambda one: not is_alike(one.name, kind)):
        fit = fit_model(build_abstract(architecture), tensors)
        if fit.similarity > best_score:
            best, best_score = with_last_stage(architecture, fit.last_stage), fit.similarity
    return best


def with_last_stage(architecture: Architecture, stage: str) -> Architecture:
    """`architecture` without the stages after `stage`; unchanged for ""."""
    if not stage or "last_stage" not in model_options(architecture.name):
        return architecture
    return architecture._replace(fields=(*architecture.fields, ("last_stage", stage)))


def architectures() -> Iterator[Architecture]:
    """Every model that loads pretrained weights, with each option that changes their shapes."""
    for name in models.MODELS:
        options = model_options(name)
        if "classifier" in options:
            for other in CLASSIFIERS:
                if model_class(other) in KEY_MAPS and "last_stage" in model_options(other):
                    yield Architecture(other, (("name", name), ("classifier", other)))
        elif "stem" in options:
            for stem in ("imagenet", "small"):
                yield Architecture(name, (("name", name), ("stem", stem)))
        elif model_class(name) in KEY_MAPS or model_class(name) in BACKBONE_ATTR:
            yield Architecture(name, (("name", name),))


@functools.cache
def build_abstract(architecture: Architecture) -> nnx.Module:
    """The network that has the pretrained weights, as shapes without values."""
    stem = dict(architecture.fields).get("stem")
    options: dict[str, Any] = {"stem": stem} if stem else {}

    def build() -> nnx.Module:
        return models.build(
            architecture.network, inputs=3, classes=IMAGENET_CLASSES, rngs=nnx.Rngs(0), **options
        )

    model = nnx.eval_shape(build)
    attribute = BACKBONE_ATTR.get(type(model))
    return getattr(model, attribute) if attribute else model


def transformers_of_width(width: int) -> list[str]:
    """Names of the vision transformers whose tokens have `width` features."""
    names = [name for name in CLASSIFIERS if issubclass(model_class(name), VisionTransformer)]
    networks = {name: build_abstract(Architecture(name, ())) for name in names}
    return [
        name
        for name, network in networks.items()
        if isinstance(network, VisionTransformer) and network.config.width == width
    ]


class Fit(NamedTuple):
    """How well a state dict fits a model.

    Attributes:
        similarity: common tensors, divided by those of either, in [0, 1]. Two tensors are common if
            their names are equal and so are their shapes in some order of axes. Heads, auxiliary
            heads, and last stages that the state dict leaves out do not count.
        last_stage: the last stage of the state dict; "" if it has all.
    """

    similarity: float
    last_stage: str


def similarity_of(model: nnx.Module, tensors: Mapping[str, np.ndarray]) -> float:
    """The similarity of a model of a class in KEY_MAPS and a state dict."""
    return fit_model(model, tensors).similarity


def fit_model(model: nnx.Module, tensors: Mapping[str, np.ndarray]) -> Fit:
    """How well a state dict fits a model of a class in KEY_MAPS, which may be abstract."""
    return max(fit_names(model, maps, tensors) for maps in KEY_MAPS[type(model)](model))


def fit_names(model: Any, maps: StageKeyMaps, tensors: Mapping[str, np.ndarray]) -> Fit:
    """`fit_model` with one of the key maps of the model."""
    known = {source for keys in maps.values() for source in keys}
    try:
        prefix = find_prefix(tensors, known).prefix
    except UserError:
        return Fit(0.0, "")
    present = {
        name.removeprefix(prefix): sorted_shape(tensor.shape)
        for name, tensor in tensors.items()
        if name.startswith(prefix) and not name.endswith(COUNTER)
    }
    stages = [stage for stage in model_stages(model, maps) if stage != "head"]
    count = len(stages)
    while count > MIN_STAGES and not maps[stages[count - 1]].keys() & present.keys():
        count -= 1
    required = required_shapes(model, maps, stages[:count])
    unneeded = known - required.keys()  # heads, and stages that the model leaves out
    relevant = {
        (name, shape)
        for name, shape in present.items()
        if name not in unneeded and not name.startswith(IGNORED_KEYS)
    }
    similarity = len(required.items() & relevant) / len(required.items() | relevant)
    return Fit(similarity, "" if count == len(stages) else stages[count - 1])


def required_shapes(
    model: Any, maps: StageKeyMaps, stages: Sequence[str]
) -> dict[str, tuple[int, ...]]:
    """Source name -> sorted shape of the tensors of `stages`, for images with three channels."""
    shapes = {
        source: get_node(model, target).shape
        for stage in stages
        for source, target in maps[stage].items()
    }
    stem = stem_source(maps)
    if stem in shapes:  # it is adapted to the channels of the images
        *sides, _, features = shapes[stem]
        shapes[stem] = (*sides, 3, features)
    return {source: sorted_shape(shape) for source, shape in shapes.items()}


def sorted_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The sides above 1 in ascending order: equal for a tensor in every order of its axes."""
    return tuple(sorted(side for side in shape if side > 1))


def is_alike(name: str, kind: type[nnx.Module]) -> bool:
    """Whether the model of that name is for the same tasks as those of a class."""
    return any(
        name in group and any(model_class(other) is kind for other in group) for group in GROUPS
    )
