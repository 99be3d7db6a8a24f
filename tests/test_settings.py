"""What no run can have is refused before anything starts."""

import jax.numpy as jnp
import numpy as np
import pytest

from configs import folder, super_resolution
from gv_jax.config import default
from gv_jax.config.validate import validate
from gv_jax.errors import UserError
from gv_jax.settings import make_task, make_train_task, resolve_config


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"model.name": "resnet18"},
            "model 'resnet18' is not made for super_resolution; models that are: ninasr_b0",
        ),
        (
            {"augment.mixup": 0.4},
            "config.augment.mixup mixes labels, which super_resolution has none of",
        ),
        ({"augment.label_smoothing": 0.1}, "config.augment.label_smoothing mixes labels"),
        ({"model.pretrained": "nowhere.npz"}, "there is no file nowhere.npz"),
        ({"task": "restoration"}, "'restoration'"),
    ],
)
def test_super_resolution_refuses(changes, said):
    config = resolve_config(super_resolution.get_config("pictures"))
    validate(config)
    config.update_from_flattened_dict(changes)
    with pytest.raises(UserError, match=said):
        validate(config)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"model.name": "ninasr_b0"},
            "model 'ninasr_b0' is not made for classification; models that are: baseline,",
        ),
        (
            {"augment.random_crop": 16},
            "model 'baseline' takes pictures of one size: config.augment.random_crop must be 0",
        ),
        (
            {"degrade.gray_levels": 4},
            "config.degrade.gray_levels is for the grey pictures of colorization",
        ),
        ({"degrade.jpeg": 101}, "config.degrade.jpeg is 101: it must be a quality"),
        (
            {"model.pretrained": "w.npz"},
            "model 'baseline' takes no weights from a file; models that do: resnet18,",
        ),
    ],
)
def test_classification_refuses(changes, said):
    config = resolve_config(default.get_config())
    config.update_from_flattened_dict(changes)
    with pytest.raises(UserError, match=said):
        validate(config)


@pytest.mark.parametrize("name", ["baseline", "inception", "resnet50", "squeezenet1_1", "vgg16_bn"])
def test_a_folder_goes_with_any_classifier(name, tmp_path):
    config = folder.get_config(str(tmp_path))
    config.model.name = name
    validate(resolve_config(config))


def test_one_class_is_nothing_to_classify():
    with pytest.raises(
        UserError, match="classification tells classes apart, and atari_frames has 1 here"
    ):
        make_task(default.get_config(), 1, np.zeros(0))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"loss.class_weights": "inverse_sqr"}, "did you mean 'inverse_sqrt'"),
        (
            {"loss.class_weights": "inverse", "train.sampling": "balanced"},
            "config.loss.class_weights and config.train.sampling would",
        ),
        (
            {"task": "multi_label", "loss.class_weights": "inverse"},
            "config.loss.class_weights evens out classes, which is for",
        ),
        (
            {"task": "multi_label", "train.sampling": "balanced"},
            "config.train.sampling evens out classes",
        ),
        (
            {"task": "multi_label", "augment.label_smoothing": 0.1},
            "config.augment.label_smoothing shares one answer",
        ),
        ({"loss.focal": -1.0}, "config.loss.focal is -1.0: it must be 0 or more"),
        (
            {"model.name": "ninasr_b0", "task": "super_resolution", "loss.focal": 1.0},
            "config.loss.focal is for tasks",
        ),
    ],
)
def test_what_evens_out_classes_is_refused_where_it_would_not_be_right(changes, said):
    config = resolve_config(default.get_config())
    config.update_from_flattened_dict(changes)
    with pytest.raises(UserError, match=said):
        validate(config)


def test_training_has_the_loss_that_was_asked_for_and_validation_the_plain_one():
    config = resolve_config(default.get_config())
    task, labels = make_task(config, 2, np.zeros(0)), np.array([0, 0, 0, 0, 1])
    assert make_train_task(config, task, labels) is task
    config.loss.class_weights = "inverse"
    logits, targets = jnp.zeros((2, 2)), jnp.eye(2)
    trained = make_train_task(config, task, labels).scores(logits, targets)["loss"]
    np.testing.assert_allclose(trained, np.log(2) * np.array([0.625, 2.5]), rtol=1e-6)
    np.testing.assert_allclose(task.scores(logits, targets)["loss"], np.log(2), rtol=1e-6)
