"""The cases of speed.py: one network at one input size and batch size each."""

from dataclasses import dataclass

CLASSIFICATION = "classification"  # a training step of a classifier: softmax cross-entropy
REGRESSION = "regression"  # a training step of a network that outputs images
PREDICTION = "prediction"  # the predictions of a classifier for a batch of images


@dataclass(frozen=True)
class Case:
    """What is computed in one step.

    Attributes:
        model: Name in MODELS of gv_jax.models.
        batch: Images of a step.
        height: Of the network input in pixels, as `width`.
        width: Of the network input in pixels.
        channels: Of the network input.
        outputs: Classes, or channels of the images that a colorizer outputs.
        kind: CLASSIFICATION, REGRESSION or PREDICTION.
        loss: Of a regression: "mse" or "mae".
        tanh: Whether the loss is that of the hyperbolic tangent of the outputs.
    """

    model: str
    batch: int
    height: int
    width: int
    channels: int
    outputs: int
    kind: str = CLASSIFICATION
    loss: str = ""
    tanh: bool = False


CASES = {
    "baseline-32": Case("baseline", 128, 32, 32, 4, 15),
    "sequential-32": Case("sequential", 128, 32, 32, 4, 15),
    "inception-32": Case("inception", 128, 32, 32, 4, 15),
    "resnet34-32": Case("resnet34", 128, 32, 32, 4, 15),
    "two_layer-255x342": Case("two_layer", 32, 255, 342, 3, 6),
    "resnet18-224": Case("resnet18", 16, 224, 224, 3, 36),
    "resnet50-224": Case("resnet50", 8, 224, 224, 3, 5),
    "efficientnetv2_s-224": Case("efficientnetv2_s", 8, 224, 224, 3, 36),
    "efficientnet_lite0-96": Case("efficientnet_lite0", 32, 96, 96, 3, 36),
    "vit_small-224": Case("vit_small_patch16", 8, 224, 224, 3, 36),
    "alpha-256": Case("alpha", 16, 256, 256, 1, 2, REGRESSION, "mse", tanh=True),
    "unet-160x210": Case("unet", 16, 160, 210, 1, 2, REGRESSION, "mse", tanh=True),
    "ninasr-96": Case("ninasr_b0", 16, 48, 48, 3, 3, REGRESSION, "mae"),
    "resnet18-224-predict-1": Case("resnet18", 1, 224, 224, 3, 36, PREDICTION),
    "resnet18-224-predict-64": Case("resnet18", 64, 224, 224, 3, 36, PREDICTION),
}
