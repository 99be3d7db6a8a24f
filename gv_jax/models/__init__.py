"""Models by name: `build("resnet18", inputs=3, classes=10, rngs=nnx.Rngs(0))`."""

import inspect
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from flax import nnx

from gv_jax.errors import UserError, unknown
from gv_jax.models.cnn import SharedConvNet, TextureCNN2, TextureCNN3, TwoLayerCNN
from gv_jax.models.colorization import BackboneColorizer, Fusion, UNet, WallnerAlpha
from gv_jax.models.convnext import CONVNEXT_SMALL, CONVNEXT_TINY, ConvNeXt
from gv_jax.models.diffusion.dit import DiT
from gv_jax.models.diffusion.velocity_unet import VelocityUNet
from gv_jax.models.efficientnet import EFFICIENTNETV2_S, EfficientNetV2
from gv_jax.models.efficientnet_lite import LITE0, LITE1, LITE2, EfficientNetLite
from gv_jax.models.inception import Inception
from gv_jax.models.inception_v3 import InceptionV3
from gv_jax.models.layers import ConvNormAct
from gv_jax.models.ninasr import NinaSR
from gv_jax.models.resnet import BasicBlock, Bottleneck, ResNet
from gv_jax.models.squeezenet import SqueezeNet
from gv_jax.models.vgg import VGG, ConvAct
from gv_jax.models.vit import (
    DINOV2_SMALL,
    DINOV2_SMALL_REG,
    VIT_BASE,
    VIT_SMALL,
    VIT_TINY,
    DinoV2,
    VisionTransformer,
)

CLASSIFIERS = {
    "baseline": TextureCNN2,
    "sequential": TextureCNN3,
    "two_layer": TwoLayerCNN,
    "shared_net": SharedConvNet,
    "inception": Inception,
    "resnet18": partial(ResNet, (2, 2, 2, 2), BasicBlock),
    "resnet34": partial(ResNet, (3, 4, 6, 3), BasicBlock),
    "resnet50": partial(ResNet, (3, 4, 6, 3), Bottleneck),
    "vgg16": partial(VGG, ConvAct),
    "vgg16_bn": partial(VGG, ConvNormAct),
    "squeezenet1_1": SqueezeNet,
    "inception_v3": InceptionV3,
    "efficientnetv2_s": partial(EfficientNetV2, EFFICIENTNETV2_S),
    "efficientnet_lite0": partial(EfficientNetLite, LITE0),
    "efficientnet_lite1": partial(EfficientNetLite, LITE1),
    "efficientnet_lite2": partial(EfficientNetLite, LITE2),
    "convnext_tiny": partial(ConvNeXt, CONVNEXT_TINY),
    "convnext_small": partial(ConvNeXt, CONVNEXT_SMALL),
    "vit_tiny_patch16": partial(VisionTransformer, VIT_TINY),
    "vit_small_patch16": partial(VisionTransformer, VIT_SMALL),
    "vit_base_patch16": partial(VisionTransformer, VIT_BASE),
    "dinov2_vits14": partial(DinoV2, DINOV2_SMALL),
    "dinov2_vits14_reg": partial(DinoV2, DINOV2_SMALL_REG),
}
UPSCALERS = {"ninasr_b0": partial(NinaSR, 10, 16)}
COLORIZERS = {
    "alpha": WallnerAlpha,
    "resnet18_encoder": partial(BackboneColorizer, CLASSIFIERS["resnet18"], "stage2", 128, 8),
    "vgg16_encoder": partial(BackboneColorizer, CLASSIFIERS["vgg16"], "stage3", 256, 32),
    "fusion": Fusion,
    "unet": UNet,
}
GENERATORS = {
    "velocity_unet": partial(VelocityUNet, (64, 128)),
    "dit": partial(DiT, 192, 6),
}
MODELS = CLASSIFIERS | UPSCALERS | COLORIZERS | GENERATORS
# Arguments that `build` derives from its own; the others are options of the model.
DERIVED_ARGUMENTS = {"self", "in_features", "out_features", "num_classes", "size", "rngs"}


def build(
    name: str,
    *,
    inputs: int,
    classes: int = 0,
    size: tuple[int, int] | None = None,
    rngs: nnx.Rngs,
    **options: Any,
) -> nnx.Module:
    """Builds a model with random weights.

    Args:
        name: a name in MODELS.
        inputs: channels of the images [n h w inputs], float.
        classes: outputs of a classifier (logits [n classes]) or of each pixel of a colorizer
            ([n h w classes]), or classes of the images of a generator, whose outputs are
            [n h w inputs]. Upscalers, which return images [n 2h 2w inputs], ignore it.
        size: (height, width) of the images in pixels, for models that flatten their feature map;
            None: the published size.
        rngs: random streams of weights and dropout.
        options: options of the model, such as `stem` or `dropout`.

    Raises:
        UserError: an unknown name or option.
    """
    check_model_options(name, options)
    if size and has_fixed_size(name):
        options["size"] = size
    if name in GENERATORS:
        options["num_classes"] = classes
    elif name not in UPSCALERS:
        options["out_features"] = classes
    if "classifier" in model_options(name):
        options["classifier"] = get_backbone(options.get("classifier", "resnet18"))
    return MODELS[name](in_features=inputs, rngs=rngs, **options)


def get_backbone(name: str) -> Callable[..., nnx.Module]:
    """The constructor of a classifier whose last stages can be left out; UserError for others."""
    backbones = {
        name: CLASSIFIERS[name] for name in CLASSIFIERS if "last_stage" in model_options(name)
    }
    if name not in backbones:
        raise unknown("classifier (config.model.classifier)", name, backbones)
    return backbones[name]


def check_model_options(name: str, options: Iterable[str]) -> None:
    """UserError unless the model exists and has all of `options`."""
    if name not in MODELS:
        raise unknown("model", name, MODELS)
    valid = sorted(model_options(name) - DERIVED_ARGUMENTS)
    for option in options:
        if option not in valid:
            raise UserError(
                f"model {name!r} has no option {option!r}; its options: "
                f"{', '.join(valid) or 'none'}"
            )


def has_fixed_size(name: str) -> bool:
    """Whether the model takes images of one size only, set when it is built."""
    return "size" in model_options(name)


def model_options(name: str) -> set[str]:
    """The names of the arguments of the model's constructor."""
    model = MODELS[name]
    num_bound = len(model.args) if isinstance(model, partial) else 0
    signature = inspect.signature(model_class(name).__init__)  # nnx hides that of the class
    return set(list(signature.parameters)[1 + num_bound :])


def model_class(name: str) -> type[nnx.Module]:
    """The class of the model; UserError for an unknown name."""
    if name not in MODELS:
        raise unknown("model", name, MODELS)
    model: Any = MODELS[name]
    constructor: Any = model.func if isinstance(model, partial) else model
    return constructor
