"""Invalid values and combinations are refused before a run starts."""

import numpy as np
import pytest

from configs import folder, super_resolution
from gv_jax.config import default
from gv_jax.config.resolve import as_probe, resolve
from gv_jax.config.validate import CHOICES, NUMBER_TUPLES, RANGES, validate
from gv_jax.errors import UserError
from gv_jax.training.run_dir import flatten_config


def validate_default(**changes):
    config = default.get_config()
    config.update_from_flattened_dict(changes)
    return validate(resolve(config))


def test_a_valid_config_is_returned():
    config = resolve(default.get_config())
    assert validate(config) is config


@pytest.mark.parametrize("field", CHOICES)
def test_unknown_values_are_refused(field):
    value = -1 if field == "data.channels" else "nothing"
    config = resolve(default.get_config())
    config.update_from_flattened_dict({field: value})
    with pytest.raises(UserError, match=rf"config\.{field}.*'{value}'"):
        validate(config)


@pytest.mark.parametrize("field", RANGES)
def test_values_out_of_range_are_refused(field):
    low, high = RANGES[field]
    kind = type(flatten_config(default.get_config().to_dict())[field])
    for value in [low - 1] if high == np.inf else [low - 1, high + 1]:
        config = resolve(default.get_config())
        config.update_from_flattened_dict({field: kind(value)})
        with pytest.raises(UserError, match=rf"config\.{field} is {kind(value)}"):
            validate(config)


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"model.name": "resnet18"}, r"resnet18.*config\.task=super_resolution.*ninasr_b0"),
        ({"augment.mixup": 0.4}, r"config\.augment\.mixup.*super_resolution"),
        (
            {"augment.label_smoothing": 0.1},
            r"config\.augment\.label_smoothing.*super_resolution",
        ),
        ({"model.pretrained": "nowhere.npz"}, r"nowhere\.npz"),
        ({"task": "restoration"}, "'restoration'"),
    ],
)
def test_super_resolution_refuses(changes, names):
    config = resolve(super_resolution.get_config("images"))
    validate(config)
    config.update_from_flattened_dict(changes)
    with pytest.raises(UserError, match=names):
        validate(config)


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"model.name": "ninasr_b0"}, r"ninasr_b0.*config\.task=classification.*baseline"),
        ({"augment.random_crop": 16}, r"config\.augment\.random_crop.*16.*'baseline'"),
        ({"degrade.gray_levels": 4}, r"config\.degrade\.gray_levels.*classification"),
        ({"degrade.jpeg": 101}, r"config\.degrade\.jpeg.*101"),
        ({"model.pretrained": "w.npz"}, "'baseline'.*resnet18"),
        (
            {"task": "colorization", "model.name": "fusion"},
            r"'fusion'.*config\.model\.pretrained",
        ),
        ({"data.mean": (0.5, 0.5)}, r"config\.data\.mean.* 2 "),
        ({"data.preprocess": "crop+sharpen"}, "'sharpen'"),
        ({"data.folds": 3, "data.fold": 3}, r"fold.*3"),
        ({"data.train_fraction": 0.0}, r"config\.data\.train_fraction is 0\.0"),
        (
            {"data.generated": "new", "task": "colorization", "model.name": "unet"},
            r"config\.data\.generated is new.*classification",
        ),
        ({"data.generated": "a/../b/c", "data.path": "b"}, r"config\.data\.generated is a/.*path"),
        ({"data.generated": "new", "probe.method": "ridge"}, r"config\.data\.generated is new"),
        ({"tta.shift": -1}, r"shift.*-1"),
        ({"seed": 2**32}, r"config\.seed is 4294967296.* 0 .* 4294967295$"),
        ({"train.ema": 1.0}, r"config\.train\.ema is 1\.0.* 0\.99999$"),
        ({"probe.method": "ridge", "probe.l2": (-1.0,)}, r"l2.*-1\.0"),
        ({"probe.method": "ridge", "finetune.last_stages": 1}, r"config\.probe.*config\.finetune"),
        ({"probe.backgrounds": (0,)}, r"config\.probe\.backgrounds.*config\.data\.channels=4"),
        (
            {"probe.backgrounds": (0,), "data.channels": 4},
            r"config\.probe\.backgrounds.*config\.probe\.maps=all",
        ),
        ({"probe.backgrounds": (0, 256), "data.channels": 4}, r"backgrounds.*256"),
        ({"finetune.freeze": ("stem",)}, r"config\.finetune\.freeze.*'stem'"),
        ({"loss.class_weights": "inverse_sqr"}, r"config\.loss\.class_weights.*'inverse_sqrt'"),
        (
            {"loss.class_weights": "inverse", "train.sampling": "balanced"},
            r"config\.loss\.class_weights.*config\.train\.sampling",
        ),
        (
            {"task": "multi_label", "loss.class_weights": "inverse"},
            r"config\.loss\.class_weights.*multi_label",
        ),
        (
            {"task": "multi_label", "train.sampling": "balanced"},
            r"config\.train\.sampling.*multi_label",
        ),
        (
            {"task": "multi_label", "augment.label_smoothing": 0.1},
            r"config\.augment\.label_smoothing.*multi_label",
        ),
        (
            {"model.name": "ninasr_b0", "task": "super_resolution", "loss.focal": 1.0},
            r"config\.loss\.focal.*super_resolution",
        ),
    ],
)
def test_combinations_that_are_refused(changes, names):
    with pytest.raises(UserError, match=names):
        validate_default(**changes)


def test_probes_are_for_classification(tmp_path):
    config = super_resolution.get_config(str(tmp_path))
    config.model.name = "ninasr_b0"
    with pytest.raises(UserError, match=r"config\.probe\.method.*super_resolution"):
        validate(resolve(as_probe(config)))


@pytest.mark.parametrize("name", ["baseline", "inception", "resnet50", "squeezenet1_1", "vgg16_bn"])
def test_an_image_folder_can_train_any_classifier(name, tmp_path):
    config = folder.get_config(str(tmp_path), {"model.name": name})
    config.model.name = name
    validate(resolve(config))


@pytest.mark.parametrize("field", NUMBER_TUPLES)
def test_texts_among_numbers_are_refused(field):
    config = resolve(default.get_config())
    config.update_from_flattened_dict({field: (16, "a")})
    with pytest.raises(UserError, match=rf"config\.{field}.*'a'"):
        validate(config)
