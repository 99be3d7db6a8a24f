"""Models by name: `build("resnet18", inputs=3, classes=10, rngs=nnx.Rngs(0))`."""

import inspect
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from flax import nnx

from gv_jax.errors import UserError, unknown
from gv_jax.models.cnn import SharedConvNet, TextureCNN2, TextureCNN3, TwoLayerCNN
from gv_jax.models.color_encoders import BackboneColorizer, Fusion
from gv_jax.models.colorization import UNet, WallnerAlpha
from gv_jax.models.efficientnet import EFFICIENTNETV2_S, EfficientNetV2
from gv_jax.models.inception import Inception
from gv_jax.models.inception_v3 import InceptionV3
from gv_jax.models.ninasr import NinaSR
from gv_jax.models.resnet import BasicBlock, Bottleneck, ResNet
from gv_jax.models.squeezenet import SqueezeNet
from gv_jax.models.vgg import VGG, VGGNormUnit, VGGUnit

CLASSIFIERS = {
    "baseline": TextureCNN2,
    "sequential": TextureCNN3,
    "two_layer": TwoLayerCNN,
    "shared_net": SharedConvNet,
    "inception": Inception,
    "resnet18": partial(ResNet, (2, 2, 2, 2), BasicBlock),
    "resnet34": partial(ResNet, (3, 4, 6, 3), BasicBlock),
    "resnet50": partial(ResNet, (3, 4, 6, 3), Bottleneck),
    "vgg16": partial(VGG, VGGUnit),
    "vgg16_bn": partial(VGG, VGGNormUnit),
    "squeezenet1_1": SqueezeNet,
    "inception_v3": InceptionV3,
    "efficientnetv2_s": partial(EfficientNetV2, EFFICIENTNETV2_S),
}
UPSCALERS = {"ninasr_b0": partial(NinaSR, 10, 16)}
COLORIZERS = {
    "alpha": WallnerAlpha,
    "resnet18_encoder": partial(BackboneColorizer, CLASSIFIERS["resnet18"], "stage2", 128, 8),
    "vgg16_encoder": partial(BackboneColorizer, CLASSIFIERS["vgg16"], "stage3", 256, 32),
    "fusion": Fusion,
    "unet": UNet,
}
MODELS = CLASSIFIERS | UPSCALERS | COLORIZERS


def build(
    name: str,
    *,
    inputs: int,
    classes: int = 0,
    size: tuple[int, int] | None = None,
    rngs: nnx.Rngs,
    **options: Any,
) -> nnx.Module:
    """The model of that name for pictures of `inputs` channels, [n h w inputs] float.

    Of CLASSIFIERS it gives logits [n classes], of ENLARGERS, which need no classes, pictures [n 2h 2w inputs], of
    COLORIZERS `classes` numbers for every pixel [n h w classes].
    `size` (height, width) matters to networks that flatten; without it they take their published size.
    Raises UserError for a name or an option that is not known.
    """
    check_model_options(name, options)
    if size and "size" in model_options(name):
        options["size"] = size
    if name in CLASSIFIERS:
        options["classes"] = classes
    if name in COLORIZERS:
        options["outputs"] = classes
    if "classifier" in model_options(name):
        options["classifier"] = get_backbone(options.get("classifier", "resnet18"))
    return MODELS[name](inputs=inputs, rngs=rngs, **options)


def get_backbone(name: str) -> Callable[..., nnx.Module]:
    """The classifier of that name, whose maps other networks can use. UserError where there is none."""
    trunks = {
        name: CLASSIFIERS[name] for name in CLASSIFIERS if "last_stage" in model_options(name)
    }
    if name not in trunks:
        raise unknown("classifier (config.model.classifier)", name, trunks)
    return trunks[name]


def check_model_options(name: str, options: Iterable[str]) -> None:
    """UserError unless there is such a model and it takes all of `options`."""
    if name not in MODELS:
        raise unknown("model", name, MODELS)
    taken = sorted(model_options(name) - {"self", "inputs", "classes", "outputs", "size", "rngs"})
    for option in options:
        if option not in taken:
            raise UserError(
                f"model {name!r} has no option {option!r}; its options: {', '.join(taken) or 'none'}"
            )


def model_options(name: str) -> set[str]:
    """What can be told to a model when it is built."""
    model = MODELS[name]
    given = len(model.args) if isinstance(model, partial) else 0
    signature = inspect.signature(model_class(name).__init__)  # nnx hides the class's own
    return set(list(signature.parameters)[1 + given :])


def model_class(name: str) -> type[nnx.Module]:
    """The class of the model. UserError for a name that is not known."""
    if name not in MODELS:
        raise unknown("model", name, MODELS)
    model: Any = MODELS[name]
    constructor: Any = model.func if isinstance(model, partial) else model
    return constructor
