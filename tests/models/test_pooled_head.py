"""A head on pooled feature maps, against pooling in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from gv_jax import models
from gv_jax.errors import UserError
from gv_jax.models.pooled_head import select_maps, with_pooled_head
from gv_jax.models.stages import classifier_path, label_stages
from gv_jax.models.summary import layer_shapes

SIZE = (96, 96)
NAMES = ("resnet18", "squeezenet1_1", "two_layer", "shared_net", "baseline", "vgg16")


def make_net(name="squeezenet1_1", maps="all", size=SIZE):
    backbone = models.build(name, inputs=3, classes=1000, size=size, rngs=nnx.Rngs(0))
    return with_pooled_head(backbone, maps, in_features=3, out_features=4, size=size, seed=0)


def evaluated(model):
    return nnx.view(model, deterministic=True, use_running_average=True, raise_if_not_found=False)


@pytest.mark.parametrize("maps", ["all", "stage3+stem"])
def test_logits_are_linear_in_standardized_means_and_maxima(maps):
    model = evaluated(make_net(maps=maps))
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(2, *SIZE, 3)), jnp.float32)
    features = model.features(x)
    names = list(features) if maps == "all" else ["stem", "stage3"]
    pooled = []
    for name in names:
        pixels = np.asarray(features[name]).reshape(2, -1, features[name].shape[-1])
        pooled += [pixels.mean(1), pixels.max(1)]
    vectors = np.concatenate(pooled, 1)
    mean, inverse_std = rng.normal(size=(2, vectors.shape[1])).astype(np.float32)
    model.standardize.mean[...] = jnp.asarray(mean)
    model.standardize.inverse_std[...] = jnp.asarray(inverse_std)
    kernel, bias = np.asarray(model.head.kernel[...]), np.asarray(model.head.bias[...])
    expected = ((vectors - mean) * inverse_std) @ kernel + bias
    np.testing.assert_allclose(model(x), expected, atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_every_weight_is_in_one_stage_and_the_own_classifier_is_left_out(name):
    model = nnx.eval_shape(lambda: make_net(name))
    stages = model.stages()
    own = models.build(name, inputs=3, classes=1000, size=SIZE, rngs=nnx.Rngs(0)).stages()
    assert list(stages) == list(own)
    assert classifier_path(model, name) == "head"
    params = nnx.to_pure_dict(nnx.state(model, nnx.Param))
    label_stages(params, stages)
    assert model.head.kernel.shape[1] == 4
    assert all(1000 not in leaf.shape for leaf in jax.tree.leaves(params))


def test_a_map_without_pixels_is_used_once():
    model = nnx.eval_shape(lambda: make_net("shared_net", "conv2+dense1"))
    shapes = {n: shape for n, _, shape in layer_shapes(make_net("shared_net"), SIZE, 3)}
    assert (
        model.head.kernel.shape[0]
        == 2 * shapes["backbone.conv2"][-1] + (shapes["backbone.dense1"][-1])
    )


def test_the_summary_lists_the_layers_of_the_backbone():
    names = [name for name, _, _ in layer_shapes(make_net(), SIZE, 3)]
    assert "backbone.stage_layers.0.0" in names
    assert names[-2:] == ["standardize", "head"]


@pytest.mark.parametrize("size", [(0, 0), (64, 80)])
def test_the_width_does_not_depend_on_the_image_size(size):
    wide, narrow = (nnx.eval_shape(lambda s=s: make_net(size=s)) for s in (size, SIZE))
    assert wide.head.kernel.shape == narrow.head.kernel.shape


@pytest.mark.parametrize(("maps", "near"), [("stage5", "stage"), ("stem+hed", "stem")])
def test_an_unknown_map_is_named_with_the_closest_one(maps, near):
    unknown = maps.rpartition("+")[2]
    with pytest.raises(UserError, match=rf"config\.probe\.maps.*{unknown}.*{near}"):
        select_maps(maps, ("stem", "stage1", "stage2"))


def test_a_repeated_map_is_refused():
    with pytest.raises(UserError, match=r"config\.probe\.maps"):
        select_maps("stem+stem", ("stem", "stage1"))


@pytest.mark.parametrize("maps", ["all+stem", "stem+last"])
def test_all_and_last_are_given_alone(maps):
    with pytest.raises(UserError, match="alone"):
        select_maps(maps, ("stem", "stage1"))
