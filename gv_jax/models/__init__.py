"""Models by name: `build("resnet18", inputs=3, classes=10, rngs=nnx.Rngs(0))`."""

import inspect
from functools import partial
from typing import Any

from flax import nnx

from gv_jax.errors import UserError, unknown
from gv_jax.models.cnn import Baseline, Sequential, SharedNet, TwoLayer
from gv_jax.models.inception import Inception
from gv_jax.models.resnet import BottleneckUnit, ResidualUnit, ResNet

MODELS = {
    "baseline": Baseline,
    "sequential": Sequential,
    "two_layer": TwoLayer,
    "shared_net": SharedNet,
    "inception": Inception,
    "resnet18": partial(ResNet, (2, 2, 2, 2), ResidualUnit),
    "resnet34": partial(ResNet, (3, 4, 6, 3), ResidualUnit),
    "resnet50": partial(ResNet, (3, 4, 6, 3), BottleneckUnit),
}


def build(
    name: str, *, inputs: int, classes: int, size: tuple[int, int] | None = None, rngs: nnx.Rngs, **options: Any
) -> nnx.Module:
    """The model of that name for pictures of `inputs` channels: [n h w inputs] float -> logits [n classes].

    `size` (height, width) matters to networks that flatten; without it they take their published size.
    Raises UserError for a name or an option that is not known.
    """
    if name not in MODELS:
        raise unknown("model", name, MODELS)
    model = MODELS[name]
    family = model.func if isinstance(model, partial) else model  # nnx hides the signature of the class itself
    taken = set(inspect.signature(family.__init__).parameters) - {"self", "inputs", "classes", "rngs"}
    if isinstance(model, partial):
        taken -= set(list(inspect.signature(family.__init__).parameters)[1 : 1 + len(model.args)])
    if "size" in taken and size:
        options["size"] = size
    for option in options:
        if option not in taken:
            known = ", ".join(sorted(taken - {"size"})) or "none"
            raise UserError(f"model {name!r} has no option {option!r}; its options: {known}")
    return model(inputs=inputs, classes=classes, rngs=rngs, **options)
