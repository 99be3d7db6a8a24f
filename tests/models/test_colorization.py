"""Networks that colour: their size, and pictures of any."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from gv_jax import models
from gv_jax.errors import UserError
from gv_jax.models.colorization import pad_to_multiple, upsample_nearest
from gv_jax.models.normalization import BatchNorm
from gv_jax.models.pretrained import load
from gv_jax.models.pretrained.key_maps import KEY_MAPS
from gv_jax.models.summary import count_params
from gv_jax.training.step import SplitModule


def test_alpha_is_the_published_one():
    model = nnx.eval_shape(lambda: models.build("alpha", inputs=1, classes=2, rngs=nnx.Rngs(0)))
    assert count_params(model) == (32_202, 32_202)


@pytest.mark.parametrize("name", models.COLORIZERS)
@pytest.mark.parametrize("size", [(1, 1), (17, 30), (32, 64)])
def test_every_pixel_of_pictures_of_any_size_is_answered(name, size):
    model = nnx.eval_shape(lambda: models.build(name, inputs=1, classes=5, rngs=nnx.Rngs(0)))
    graph, state = nnx.split(model)
    told = jax.ShapeDtypeStruct((2, *size, 1), jnp.float32)
    answer = jax.eval_shape(lambda state, x: nnx.merge(graph, state)(x), state, told)
    assert answer.shape == (2, *size, 5)


def test_filling_repeats_the_last_row_and_column():
    x = jnp.arange(6.0).reshape(1, 2, 3, 1)
    expected = [[0, 1, 2, 2], [3, 4, 5, 5], [3, 4, 5, 5], [3, 4, 5, 5]]
    np.testing.assert_array_equal(pad_to_multiple(x, 4)[0, :, :, 0], expected)
    assert pad_to_multiple(x, 1) is x


def test_doubling_repeats_pixels_and_its_gradient_adds_them_up():
    x = jax.random.normal(jax.random.key(0), (2, 3, 5, 4))
    np.testing.assert_array_equal(upsample_nearest(x), np.asarray(x).repeat(2, 1).repeat(2, 2))
    g = jax.random.normal(jax.random.key(1), (2, 6, 10, 4))
    (ours,) = jax.vjp(upsample_nearest, x)[1](g)
    np.testing.assert_allclose(
        ours, np.asarray(g).reshape(2, 3, 2, 5, 2, 4).sum((2, 4)), rtol=1e-5, atol=1e-6
    )


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """(a ResNet-18 of RGB up to its second stage, a file of its weights in PyTorch's names)."""
    trunk = models.build("resnet18", inputs=3, classes=1, last_stage="stage2", rngs=nnx.Rngs(0))
    draws = np.random.default_rng(0)
    for _, module in nnx.iter_modules(trunk):
        if isinstance(module, BatchNorm):
            module.mean[...] = jnp.asarray(draws.normal(size=module.mean.shape), jnp.float32)
            module.var[...] = jnp.asarray(draws.uniform(0.5, 2, module.var.shape), jnp.float32)
    (table,) = KEY_MAPS[type(trunk)](trunk)
    tensors = {}
    for stage in ("stem", "stage1", "stage2"):
        for theirs, ours in table[stage].items():
            tensor = np.asarray(load.get_variable(trunk, ours)[...])
            tensors[theirs] = tensor.transpose(3, 2, 0, 1) if tensor.ndim == 4 else tensor
    file = tmp_path_factory.mktemp("weights") / "resnet18.npz"
    np.savez(file, **tensors)
    return trunk, file


def test_an_encoder_sees_grey_as_the_classifier_saw_it_three_times(photos):
    trunk, file = photos
    model = models.build("resnet18_encoder", inputs=1, classes=2, rngs=nnx.Rngs(1))
    model = load.load_pretrained(model, file)
    grey = jax.random.normal(jax.random.key(0), (1, 16, 16, 1))
    theirs, ours = (
        nnx.view(one, use_running_average=True, deterministic=True, raise_if_not_found=False)
        for one in (trunk, model.trunk)
    )
    ours, theirs = jax.jit(
        lambda x: (ours.features(x)["stage2"], theirs.features(x.repeat(3, -1))["stage2"])
    )(grey)
    np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-3)


def test_fusion_leaves_its_classifier_as_it_was(photos):
    _, file = photos
    model = models.build("fusion", inputs=1, classes=2, last_stage="stage2", rngs=nnx.Rngs(1))
    network = SplitModule.of(load.load_pretrained(model, file))
    assert "classifier" not in network.params
    told = jax.random.normal(jax.random.key(0), (2, 32, 32, 1))
    _, stats = jax.jit(network.train)(
        network.params, network.stats, jax.random.key(0), told, jnp.int32(0)
    )
    jax.tree.map(np.testing.assert_array_equal, stats["classifier"], network.stats["classifier"])
    moved = jax.tree.map(
        lambda new, old: bool((new != old).any()), stats["encoder"], network.stats["encoder"]
    )
    assert all(jax.tree.leaves(moved))


def test_fusion_knows_the_classifiers_that_have_maps():
    with pytest.raises(UserError, match="vgg16"):
        models.build("fusion", inputs=1, classes=2, classifier="baseline", rngs=nnx.Rngs(0))
