"""Colorizers: parameter counts, images of any size, pretrained backbones."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from gv_jax import models
from gv_jax.errors import UserError
from gv_jax.models.colorization import pad_to_multiple
from gv_jax.models.dropout import StochasticDepth
from gv_jax.models.normalization import BatchNorm
from gv_jax.models.pretrained.load import load_pretrained
from gv_jax.models.summary import count_params
from gv_jax.training.step import SplitModule
from tests.models.pretrained.state_dicts import state_dict


def test_alpha_has_the_published_parameter_count():
    model = nnx.eval_shape(lambda: models.build("alpha", inputs=1, classes=2, rngs=nnx.Rngs(0)))
    assert count_params(model) == (32_202, 32_202)


@pytest.mark.parametrize("name", models.COLORIZERS)
@pytest.mark.parametrize("size", [(1, 1), (17, 30), (32, 64)])
def test_images_of_any_size_give_outputs_for_each_pixel(name, size):
    model = nnx.eval_shape(lambda: models.build(name, inputs=1, classes=5, rngs=nnx.Rngs(0)))
    graph, state = nnx.split(model)
    x = jax.ShapeDtypeStruct((2, *size, 1), jnp.float32)
    outputs = jax.eval_shape(lambda state, x: nnx.merge(graph, state)(x), state, x)
    assert outputs.shape == (2, *size, 5)


def test_padding_repeats_the_last_row_and_column():
    x = jnp.arange(6.0).reshape(1, 2, 3, 1)
    expected = [[0, 1, 2, 2], [3, 4, 5, 5], [3, 4, 5, 5], [3, 4, 5, 5]]
    np.testing.assert_array_equal(pad_to_multiple(x, 4)[0, :, :, 0], expected)
    assert pad_to_multiple(x, 1) is x


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    """(an RGB ResNet-18 up to its second stage, a file of its weights)."""
    backbone = models.build("resnet18", inputs=3, classes=1, last_stage="stage2", rngs=nnx.Rngs(0))
    rng = np.random.default_rng(0)
    for _, module in nnx.iter_modules(backbone):
        if isinstance(module, BatchNorm):
            module.mean[...] = jnp.asarray(rng.normal(size=module.mean.shape), jnp.float32)
            module.var[...] = jnp.asarray(rng.uniform(0.5, 2, module.var.shape), jnp.float32)
    file = tmp_path_factory.mktemp("weights") / "resnet18.npz"
    np.savez(file, **state_dict(backbone, stages=("stem", "stage1", "stage2")))
    return backbone, file


def test_encoder_gives_gray_the_feature_maps_of_three_equal_channels(pretrained):
    backbone, file = pretrained
    model = models.build("resnet18_encoder", inputs=1, classes=2, rngs=nnx.Rngs(1))
    model = load_pretrained(model, file)
    gray = jax.random.normal(jax.random.key(0), (1, 16, 16, 1))
    of_rgb, of_gray = (
        nnx.view(one, use_running_average=True, deterministic=True, raise_if_not_found=False)
        for one in (backbone, model.backbone)
    )
    maps, expected = jax.jit(
        lambda x: (of_gray.features(x)["stage2"], of_rgb.features(x.repeat(3, -1))["stage2"])
    )(gray)
    np.testing.assert_allclose(maps, expected, rtol=1e-3, atol=1e-3)


def test_fusion_freezes_its_classifier(pretrained):
    _, file = pretrained
    model = models.build("fusion", inputs=1, classes=2, last_stage="stage2", rngs=nnx.Rngs(1))
    module = SplitModule.from_module(load_pretrained(model, file))
    assert "classifier" not in module.params
    x = jax.random.normal(jax.random.key(0), (2, 32, 32, 1))
    before = module.batch_stats
    _, after = jax.jit(module.apply_train)(
        module.params, before, jax.random.key(0), x, jnp.int32(0)
    )
    jax.tree.map(np.testing.assert_array_equal, after["classifier"], before["classifier"])
    changed = jax.tree.map(
        lambda new, old: bool((new != old).any()), after["encoder"], before["encoder"]
    )
    assert all(jax.tree.leaves(changed))


@pytest.mark.parametrize("classifier", ["efficientnet_lite0", "efficientnetv2_s"])
def test_features_of_a_frozen_classifier_are_not_random(classifier):
    def build():
        return models.build("fusion", inputs=1, classes=2, classifier=classifier, rngs=nnx.Rngs(0))

    model = nnx.eval_shape(build)
    layers = [layer for _, layer in nnx.iter_modules(model) if isinstance(layer, StochasticDepth)]
    assert len(layers) > 10
    assert not any(layer.rate for layer in layers)


def test_error_for_a_classifier_without_feature_maps_lists_those_with():
    with pytest.raises(UserError, match=r"config\.model\.classifier.*'baseline'.*vgg16"):
        models.build("fusion", inputs=1, classes=2, classifier="baseline", rngs=nnx.Rngs(0))
