"""What every task provides, and the fields of a config that each one refuses."""

import pytest

from gv_jax.errors import UserError
from gv_jax.models import MODELS
from gv_jax.tasks.registry import TASKS
from tests.tasks.configs import make_config

MODEL_OF = {
    "classification": "baseline",
    "multi_label": "baseline",
    "super_resolution": "ninasr_b0",
    "colorization": "unet",
    "generation": "velocity_unet",
}
IMAGE_TASKS = ("super_resolution", "colorization")
NO_LABELS = ("augment.mixup", "augment.cutmix", "augment.label_smoothing", "loss.focal")


@pytest.mark.parametrize("name", TASKS)
def test_a_task_accepts_its_models_and_the_defaults(name):
    task = TASKS[name]
    assert set(task.models) <= set(MODELS)
    for model in task.models:
        task.validate(make_config(name, model))


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        *[(name, "model.name", "alpha") for name in TASKS if name != "colorization"],
        ("colorization", "model.name", "resnet18"),
        *[(name, field, 0.1) for name in IMAGE_TASKS for field in NO_LABELS],
        *[(name, "tta.flip", True) for name in IMAGE_TASKS],
        *[(name, "tta.shift", 1) for name in IMAGE_TASKS],
        *[(name, "degrade.gray_levels", 4) for name in TASKS if name != "colorization"],
        *[(name, "probe.method", "ridge") for name in IMAGE_TASKS],
        *[("generation", field, 0.1) for field in NO_LABELS],
        *[(name, "train.sampling", "balanced") for name in ("multi_label", *IMAGE_TASKS)],
        *[(name, "loss.class_weights", "inverse") for name in TASKS if name != "classification"],
        *[(name, "loss.logit_adjustment", 1.0) for name in TASKS if name != "classification"],
        ("generation", "generation.sampler", "huen"),
        ("generation", "data.size", (30, 32)),
        ("generation", "augment.random_crop", 18),
        ("multi_label", "augment.label_smoothing", 0.1),
        ("colorization", "data.channels", 4),
        ("colorization", "color_head.name", "nothing"),
        ("colorization", "color_head.palette_size", 1),
        ("colorization", "color_head.temperature", -1.0),
        ("colorization", "color_head.rebalance_lambda", 0.0),
        ("colorization", "degrade.gray_levels", 1),
    ],
)
def test_fields_that_a_task_cannot_use_are_refused(name, field, value):
    config = make_config(name, MODEL_OF[name], **{field: value})
    with pytest.raises(UserError, match=rf"config\.{field}"):
        TASKS[name].validate(config)


def test_whole_images_are_measured_for_colorization_only():
    assert [name for name, task in TASKS.items() if task.whole_images] == ["colorization"]


def test_classes_are_balanced_once():
    fields = {"train.sampling": "balanced", "loss.class_weights": "inverse"}
    config = make_config("classification", "baseline", **fields)
    with pytest.raises(UserError, match=r"config\.loss\.class_weights and config\.train\.sampling"):
        TASKS["classification"].validate(config)


def test_bins_cannot_predict_lightness():
    fields = {"color_head.name": "bins", "color_head.predict_lightness": True}
    config = make_config("colorization", "unet", **fields)
    with pytest.raises(UserError, match=r"config\.color_head\.predict_lightness=False"):
        TASKS["colorization"].validate(config)


@pytest.mark.parametrize(("head", "most"), [("mse", 3), ("bins", 261), ("palette", 64)])
def test_outputs_of_color_heads(head, most):
    lightness = head != "bins"
    fields = {
        "color_head.name": head,
        "color_head.predict_lightness": lightness,
        "color_head.palette_size": 64,
    }
    config = make_config("colorization", "unet", **fields)
    assert TASKS["colorization"].num_outputs(config, num_classes=2) == most
    assert TASKS["colorization"].num_inputs(config) == 1
