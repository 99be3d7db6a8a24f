"""The model table: a row for each call of a layer, parameters once per layer."""

import pytest
from flax import nnx

from gv_jax.config import default
from gv_jax.config.resolve import resolve
from gv_jax.data import dataset
from gv_jax.models import build
from gv_jax.models.summary import layer_shapes, summarize_layers
from gv_jax.tasks.model_summary import summarize_model


def test_each_call_has_a_row_and_shared_parameters_are_counted_once():
    model = build("shared_net", inputs=3, classes=5, rngs=nnx.Rngs(0))
    rows = [line.split() for line in summarize_layers(model, (8, 16), 3).splitlines()]
    shared = [row for row in rows if row[0] == "conv2"]
    assert [row[-1] for row in shared] == ["36,928", "0", "0", "0", "0"]
    assert ["mean", "(global_pool)", "(n,", "64)", "0"] in rows
    assert ["Total", "parameters:", "43,205"] in rows


def test_shapes_need_no_weights_and_the_model_stays_usable():
    model = nnx.eval_shape(lambda: build("resnet34", inputs=3, classes=5, rngs=nnx.Rngs(0)))
    for _ in range(2):
        shapes = [(name, shape) for name, _, shape in layer_shapes(model, (64, 32), 3)]
        assert shapes[0] == ("conv1", (1, 32, 16, 64))
        assert shapes[-1] == ("head", (1, 5))
        assert ("stage_layers.3.2", (1, 2, 1, 512)) in shapes


@pytest.mark.parametrize(
    ("fields", "trainable"),
    [
        ({}, 11_181_642),
        ({"probe.method": "ridge"}, 2 * (64 + 64 + 128 + 256 + 512) * 10 + 10),
        ({"finetune.last_stages": 1}, 512 * 10 + 10),
    ],
)
def test_only_what_is_trained_counts_as_trainable(monkeypatch, fields, trainable):
    monkeypatch.setattr(dataset, "class_names", lambda name, **_: tuple("abcdefghij"))
    config = default.get_config()
    config.update_from_flattened_dict({"data.name": "image_folder", "model.name": "resnet18"})
    config.update_from_flattened_dict(fields)
    lines = summarize_model(resolve(config)).splitlines()
    assert f"Trainable: {trainable:,}" in lines
