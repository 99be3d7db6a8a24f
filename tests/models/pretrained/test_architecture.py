"""Weights of another model: the error names the model that they fit."""

import numpy as np
import pytest
from flax import nnx

from gv_jax import models
from gv_jax.errors import UserError
from gv_jax.models.pretrained.architecture import (
    Architecture,
    architectures,
    build_abstract,
    find_architecture,
    similarity_of,
)
from gv_jax.models.pretrained.key_maps import KEY_MAPS
from gv_jax.models.pretrained.load import load_pretrained
from gv_jax.models.pretrained.state_dict import model_stages
from gv_jax.models.resnet import ResNet
from gv_jax.models.stages import get_node


def abstract(name, **options):
    def build():
        return models.build(name, inputs=3, classes=7, rngs=nnx.Rngs(0), **options)

    return nnx.eval_shape(build)


def zero_weights(model, prefix="", layout="OIHW"):
    """A state dict of zeros with the shapes of an abstract model."""
    (maps, *_) = KEY_MAPS[type(model)](model)
    orders = {4: ["HWIO".index(axis) for axis in layout], 2: (1, 0)}
    tensors = {}
    for stage in model_stages(model, maps):
        if stage == "head" and not hasattr(model, "head"):
            continue  # of a colorizer's backbone
        for source, target in maps[stage].items():
            shape = get_node(model, target).shape
            order = orders.get(len(shape), range(len(shape)))
            # One zero in memory, whatever the shape.
            tensors[prefix + source] = np.broadcast_to(np.float32(0), [shape[i] for i in order])
    return tensors


@pytest.fixture(scope="module")
def network():
    """A ResNet-18 for gray images."""

    def build():
        return models.build("resnet18", inputs=1, classes=7, rngs=nnx.Rngs(0))

    return nnx.eval_shape(build)


@pytest.mark.parametrize("layout", ["OIHW", "HWIO"])
@pytest.mark.parametrize("prefix", ["", "module.backbone."])
@pytest.mark.parametrize(
    "name",
    [
        *("resnet34", "vgg16", "squeezenet1_1", "inception_v3", "efficientnetv2_s"),
        "efficientnet_lite1",
        "convnext_tiny",
    ],
)
def test_the_model_of_a_file_is_found(network, name, prefix, layout):
    tensors = zero_weights(abstract(name), prefix, layout)
    found = find_architecture(tensors, network, ResNet)
    assert found is not None
    assert found.name == name
    assert f"--config.model.name={name}" in found.flags


def test_the_stem_of_a_file_is_found(network):
    tensors = zero_weights(abstract("resnet18", stem="small"))
    imagenet = abstract("resnet18", stem="imagenet")
    assert find_architecture(tensors, imagenet, ResNet).fields == (
        ("name", "resnet18"),
        ("stem", "small"),
    )


def test_a_file_without_the_last_stages_is_found(network):
    tensors = zero_weights(abstract("resnet34"))
    part = {
        name: tensor
        for name, tensor in tensors.items()
        if not name.startswith(("layer3.", "layer4.", "fc."))
    }
    found = find_architecture(part, network, ResNet)
    assert dict(found.fields) == {"name": "resnet34", "stem": "imagenet", "last_stage": "stage2"}


def test_weights_that_fit_have_no_other_model(network):
    tensors = zero_weights(abstract("resnet18"))
    assert similarity_of(network, tensors) == 1
    assert find_architecture(tensors, network, ResNet) is None
    del tensors["layer3.0.conv1.weight"]
    assert find_architecture(tensors, network, ResNet) is None


def test_weights_of_no_model_have_none(network):
    tensors = {f"blocks.{index}.attn.qkv.weight": np.zeros((4, 4)) for index in range(12)}
    assert find_architecture(tensors, network, ResNet) is None


def test_a_colorizer_is_given_the_colorizer_of_a_file():
    encoder = abstract("resnet18_encoder")
    tensors = zero_weights(abstract("vgg16"))
    found = find_architecture(tensors, encoder.backbone, type(encoder))
    assert found == Architecture("vgg16_encoder", (("name", "vgg16_encoder"),))


@pytest.mark.parametrize("architecture", list(architectures()), ids=lambda one: one.flags)
def test_each_architecture_fits_its_own_weights_only(architecture):
    model = build_abstract(architecture)
    tensors = zero_weights(model)
    assert similarity_of(model, tensors) == 1


def test_error_of_loading_names_the_model_and_its_field(tmp_path):
    source = models.build("squeezenet1_1", inputs=3, classes=3, rngs=nnx.Rngs(0))
    tensors = zero_weights(source, "module.")
    np.savez(tmp_path / "weights.npz", **tensors)
    target = models.build("resnet18", inputs=3, classes=3, rngs=nnx.Rngs(0))
    with pytest.raises(UserError, match=r"--config\.model\.name=squeezenet1_1") as caught:
        load_pretrained(target, tmp_path / "weights.npz", ("head",))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400
