"""Checks of a config that several tasks share; each raises a UserError that names the field."""

from collections.abc import Iterable
from typing import Any

from gv_jax.data.arrays import Dataset
from gv_jax.errors import UserError

Config = Any  # an ml_collections.ConfigDict, whose fields are known at run time only

OFF = (0, "", "shuffled")  # values that switch a field off
LABEL_FIELDS = (  # fields that work on labels or on logits per class
    "augment.mixup",
    "augment.cutmix",
    "augment.label_smoothing",
    "loss.focal",
    "tta.flip",
    "tta.shift",
)
CLASS_BALANCING = ("loss.class_weights", "loss.logit_adjustment", "train.sampling")
SINGLE_CLASS_FIELDS = (*CLASS_BALANCING, "probe.method")  # fields that need one class per image


def check_model(config: Config, names: Iterable[str]) -> None:
    """Raises UserError unless config.model.name is one of `names`."""
    names = tuple(names)
    if config.model.name not in names:
        raise UserError(
            f"config.model.name={config.model.name} is not a model for config.task={config.task}; "
            f"models for it: {', '.join(names)}"
        )


def check_off(config: Config, fields: Iterable[str], reason: str) -> None:
    """Raises UserError if a field is switched on.

    Args:
        config: The resolved config.
        fields: Names of fields, as in "loss.focal".
        reason: Why the task cannot use them, for the message.
    """
    for field in fields:
        if is_on(config, field):
            raise UserError(
                f"config.{field} cannot be used with config.task={config.task}: {reason}; "
                "leave it at its default"
            )


def is_on(config: Config, field: str) -> bool:
    """Whether a field, as in "loss.focal", has a value other than off."""
    section, name = field.split(".")
    return config[section][name] not in OFF


def check_no_labels(config: Config) -> None:
    """Raises UserError for a field that needs labels; for tasks whose target is the image."""
    check_off(config, LABEL_FIELDS, "the task has no labels")
    check_no_single_class(config)


def check_no_single_class(config: Config) -> None:
    """Raises UserError for a field that needs exactly one class per image."""
    check_off(config, SINGLE_CLASS_FIELDS, "it needs exactly one class per image")


def check_no_degradation(config: Config) -> None:
    """Raises UserError for any degradation; for tasks whose inputs are not made gray."""
    fields = [f"degrade.{name}" for name in config.degrade]
    check_off(config, fields, "only gray inputs are degraded")


def check_num_classes(config: Config, dataset: Dataset) -> None:
    """Raises UserError for a data set of fewer than two classes."""
    if len(dataset.classes) < 2:
        raise UserError(
            f"config.task={config.task} needs at least 2 classes; "
            f"{dataset.name} (config.data.name) has {len(dataset.classes)}"
        )
