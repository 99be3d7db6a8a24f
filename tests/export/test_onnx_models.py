"""Every model, written as ONNX, computes in another runtime what it computes in JAX."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gv_jax import models
from gv_jax.export.onnx_writer.graph import OPSET
from gv_jax.training.step import make_predict
from tests.export.networks import classifier_side, random_network

pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from gv_jax.export.onnx_writer.model import to_onnx  # noqa: E402

LARGE = {
    *("vgg16", "vgg16_bn", "resnet50", "inception_v3", "efficientnetv2_s", "resnet34"),
    *("inception", "fusion", "vgg16_encoder", "convnext_tiny", "convnext_small"),
    *("vit_small_patch16", "vit_base_patch16", "dinov2_vits14", "dinov2_vits14_reg"),
}
OTHER_SIDES = (37, 50)  # height and width of images for models of any size


def model_names():
    slow = pytest.mark.slow
    names = [name for name in models.MODELS if name not in models.GENERATORS]  # not exported
    return [pytest.param(name, marks=slow) if name in LARGE else name for name in names]


def run_onnx(model, images):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    (entry,) = session.get_inputs()
    return session.run(None, {entry.name: images})[0]


@pytest.mark.parametrize("name", model_names())
def test_the_model_computes_the_same_for_any_batch(name):
    inputs = 1 if name in models.COLORIZERS else 3
    network, weights = random_network(name, inputs)
    predict = make_predict(network)

    def function(images):
        return predict(*weights, images.astype(jnp.float32) / 128 - 1)

    any_size = name not in models.CLASSIFIERS
    side = classifier_side(name)
    sizes = "h, w" if any_size else f"{side}, {side}"
    shape = jax.export.symbolic_shape(f"b, {sizes}, {inputs}")
    model = to_onnx(function, shape, np.uint8)
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", OPSET)]
    operations = {node.op_type for node in model.graph.node}
    assert "BatchNormalization" not in operations
    image = OTHER_SIDES if any_size else (side, side)
    images = np.random.default_rng(1).integers(0, 256, (2, *image, inputs), np.uint8)
    expected = np.asarray(jax.jit(function)(images))
    largest = np.abs(expected).max()
    assert largest > 0.1
    atol = max(1e-4, 1e-5 * largest)  # rounding errors grow with the largest value of a layer
    for count in (1, 2):
        outputs = run_onnx(model, images[:count])
        np.testing.assert_allclose(outputs, expected[:count], rtol=1e-4, atol=atol)


@pytest.mark.parametrize("name", ["resnet18", "unet"])
def test_normalization_is_part_of_the_convolutions(name):
    inputs = 1 if name in models.COLORIZERS else 3
    network, weights = random_network(name, inputs)
    predict = make_predict(network)

    def function(images):
        return predict(*weights, images)

    model = to_onnx(function, jax.export.symbolic_shape(f"b, 32, 32, {inputs}"), np.float32)
    counts = {}
    for node in model.graph.node:
        counts[node.op_type] = counts.get(node.op_type, 0) + 1
    blocks = {"resnet18": 8, "unet": 4}[name]  # each adds its shortcut
    assert counts["Add"] == blocks + (name == "resnet18")  # and the bias of the head
    assert "Mul" not in counts
