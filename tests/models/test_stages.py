"""Paths of modules: which stage a weight is in, the classifier, the input of a layer."""

import jax
import numpy as np
import pytest
from flax import nnx

from gv_jax.errors import UserError
from gv_jax.models import build
from gv_jax.models.stages import (
    capture_input,
    classifier_path,
    count_params_under,
    get_node,
    is_under,
    label_stages,
    stages_of,
)


def test_is_under_compares_whole_names():
    assert is_under(("stage_layers", 1, "conv"), ("stage_layers.1",))
    assert is_under(("head",), ("stem", "head"))
    assert not is_under(("stage_layers", 10, "conv"), ("stage_layers.1",))


def test_each_parameter_is_labeled_and_counted_once():
    model = build("shared_net", inputs=3, classes=5, rngs=nnx.Rngs(0))
    params = nnx.to_pure_dict(nnx.state(model, nnx.Param))
    assert label_stages(params, model.stages())["head"] == {"bias": "head", "kernel": "head"}
    assert count_params_under(params, ("head", "conv1")) == 64 * 5 + 5 + 3 * 9 * 64 + 64


def test_input_of_a_layer_is_recorded():
    model = build("shared_net", inputs=3, classes=5, rngs=nnx.Rngs(0))
    x = jax.random.normal(jax.random.key(0), (2, 8, 8, 3))
    expected = model.features(x)["dense1"]
    np.testing.assert_array_equal(capture_input(model, "head", x), expected)


def test_layer_in_a_list_is_found_by_its_index():
    options = {"inputs": 3, "classes": 5, "last_stage": "stage1", "rngs": nnx.Rngs(0)}
    model = build("squeezenet1_1", **options)
    assert get_node(model, "stage_layers.1.2.expand3") is model.stage_layers[1][2].expand3
    assert get_node(model, "") is model
    x = jax.random.normal(jax.random.key(0), (1, 17, 17, 3))
    np.testing.assert_array_equal(capture_input(model, "stage_layers.0.0", x), x)


@pytest.mark.parametrize("name", ["resnet18", "squeezenet1_1"])  # linear; 1x1 convolution
def test_classifier_is_the_last_layer(name):
    model = nnx.eval_shape(lambda: build(name, inputs=3, classes=5, rngs=nnx.Rngs(0)))
    assert classifier_path(model, name) == "head"


def test_error_for_models_without_stages():
    model = nnx.eval_shape(lambda: build("unet", inputs=1, classes=2, rngs=nnx.Rngs(0)))
    with pytest.raises(UserError, match=r"config\.model\.name.*'unet'"):
        stages_of(model, "unet")
