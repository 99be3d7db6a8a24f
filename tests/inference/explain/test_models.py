"""Every classifier has a feature map for Grad-CAM, at its published size; nothing is computed."""

import jax
import jax.numpy as jnp
import pytest
from flax import nnx

from gv_jax import models
from gv_jax.inference.explain.grad_cam import grad_cam
from gv_jax.inference.explain.map_maker import MapMaker, choose_layer
from gv_jax.inference.explain.score import make_score
from gv_jax.inference.finished_run import LoadedNetwork
from gv_jax.tasks.classification import Classification
from gv_jax.training.step import SplitModule

SIZES = {"two_layer": (64, 86), "baseline": (32, 32), "sequential": (32, 32), "inception": (32, 32)}

SLOW = (  # to trace
    *("efficientnetv2_s", "inception_v3", "inception", "resnet34", "resnet50"),
    *("vit_small_patch16", "vit_base_patch16", "dinov2_vits14"),
)
CASES = [
    pytest.param(name, "float32", marks=[pytest.mark.slow] * (name in SLOW))
    for name in models.CLASSIFIERS
]


@pytest.mark.parametrize(("name", "dtype"), [*CASES, ("two_layer", "bfloat16")])
def test_every_classifier_has_a_map(name, dtype):
    size = SIZES.get(name, (96, 80))

    def build():
        return models.build(name, inputs=3, classes=4, size=size, rngs=nnx.Rngs(0))

    network = SplitModule.from_module(nnx.eval_shape(build))
    task, weights = Classification(4), (network.params, network.batch_stats)
    maps = MapMaker(LoadedNetwork(task, network, weights), (*size, 3), dtype)
    layer = choose_layer(maps.sizes)
    assert min(maps.sizes[layer]) >= 2

    def explain(params, batch_stats, image):
        score = make_score(network, task, (params, batch_stats), 1, dtype=jnp.dtype(dtype))
        return grad_cam(score, image, layer)

    image = jax.ShapeDtypeStruct((*size, 3), jnp.float32)
    heat = jax.eval_shape(explain, *weights, image)
    assert (heat.shape, heat.dtype) == (maps.sizes[layer], jnp.float32)


@pytest.mark.parametrize(("last_stage", "last_map"), [("", "stage3"), ("stage2", "stage2")])
def test_feature_maps_without_influence_are_left_out(last_stage, last_map):
    def build():
        options = {"last_stage": last_stage, "rngs": nnx.Rngs(0)}
        return models.build("vit_tiny_patch16", inputs=3, classes=4, **options)

    network = SplitModule.from_module(nnx.eval_shape(build))
    loaded = LoadedNetwork(Classification(4), network, (network.params, network.batch_stats))
    sizes = MapMaker(loaded, (112, 96, 3), "float32").sizes
    assert list(sizes)[-1] == choose_layer(sizes) == last_map  # logits: of the class token only
    assert set(sizes.values()) == {(7, 6)}
