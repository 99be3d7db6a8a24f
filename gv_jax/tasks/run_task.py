"""The protocol of a task in a whole run: configuration, data set, evaluation and figures.

The functions check fields of a configuration for several tasks; each raises a UserError that names
the field.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

import numpy as np

from gv_jax.data.arrays import Dataset
from gv_jax.errors import UserError
from gv_jax.reporting.figures.report_figure import Augmented, FeatureMaps, ReportFigure
from gv_jax.training.task import Task

Config = Any  # an ml_collections.ConfigDict, whose fields are known at run time only
Predict = Callable[[np.ndarray], np.ndarray]  # network inputs [n ...] -> outputs [n ...]
OFF_VALUES = (0, "", "shuffled")  # values that switch a field off
LABEL_FIELDS = (  # fields that work on labels or on logits per class
    "augment.mixup",
    "augment.cutmix",
    "augment.label_smoothing",
    "loss.focal",
    "tta.flip",
    "tta.shift",
)
CLASS_BALANCING = (  # fields that need exactly one class per image
    "loss.class_weights",
    "loss.logit_adjustment",
    "train.sampling",
)


class RunTask(Task, Protocol):
    """A task of the training loop with all that is specific to it in the rest of a run.

    Attributes:
        models: Names of the models that are made for it.
        uses_labels: Whether the targets are the labels of the data set. If so, the inputs are
            standardized by config.data.mean and config.data.std, which follow pretrained weights.
        gray_inputs: Whether the inputs are the images in gray, degraded by config.degrade.
        multi_label: Whether a label is a set of classes, multi-hot [k], in place of one class.
        whole_images: Whether results are also of held-out images at their own size, as a finished
            run colorizes them: the task is a Colorization.
        metric_names: Names in METRICS of the metrics of a split in results.json, the main one
            first. Some are absent for some data sets, such as the flicker without clips.
    """

    models: ClassVar[tuple[str, ...]]
    uses_labels: ClassVar[bool]
    gray_inputs: ClassVar[bool]
    multi_label: ClassVar[bool]
    whole_images: ClassVar[bool]
    metric_names: ClassVar[tuple[str, ...]]

    @classmethod
    def validate(cls, config: Config) -> None:
        """Checks the fields of a resolved config that depend on the task.

        Raises:
            UserError: A field has a value that this task cannot use.
        """
        ...

    @classmethod
    def num_inputs(cls, config: Config) -> int:
        """Channels of the network inputs."""
        ...

    @classmethod
    def num_outputs(cls, config: Config, num_classes: int) -> int:
        """Network outputs per image or per pixel: the maximum, where it depends on the data."""
        ...

    @property
    def outputs(self) -> int:
        """Network outputs per image or per pixel."""
        ...

    @classmethod
    def from_config(cls, config: Config, dataset: Dataset) -> Self:
        """The task of a run on `dataset`.

        Raises:
            UserError: The data set cannot be used for this task.
        """
        ...

    @classmethod
    def from_run(cls, config: Mapping[str, Any], results: Mapping[str, Any]) -> Self:
        """The task of a finished run, without its data set.

        Args:
            config: The configuration in config.json.
            results: The content of results.json.
        """
        ...

    def with_training_loss(self, loss: Config, labels: np.ndarray) -> Self:
        """The task with the training loss of `loss`, the section config.loss.

        Args:
            loss: The section config.loss.
            labels: Labels of the training split, [n] or [n k].
        """
        ...

    def evaluate(self, outputs: Mapping[str, Any], dataset: Dataset) -> Any:
        """Computes results and predictions from `eval_outputs` of every split.

        Args:
            outputs: Split -> what `eval_outputs` returned for its images, in their order.
            dataset: The data set with these splits.
        """
        ...

    def draw(
        self,
        evaluation: Any,
        folder: Path,
        augmented: Augmented | None = None,
        predict: Predict | None = None,
        feature_maps: FeatureMaps | None = None,
    ) -> Sequence[ReportFigure]:
        """Writes the figures of the report as PNG files.

        Args:
            evaluation: What `evaluate` returned.
            folder: Folder of the files; created if missing.
            augmented: Augmented training images [n h w c] and their targets [n ...]. Left out
                without them.
            predict: The network. Figures that need it are left out without it.
            feature_maps: Feature maps of the first layers. Left out without it.
        """
        ...


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
    return config[section][name] not in OFF_VALUES


def check_no_labels(config: Config) -> None:
    """Raises UserError for a field that needs labels; for tasks whose target is the image."""
    check_off(config, (*LABEL_FIELDS, "probe.method"), "the task has no labels")
    check_no_single_class(config)


def check_no_single_class(config: Config) -> None:
    """Raises UserError for a field that needs exactly one class per image."""
    check_off(config, CLASS_BALANCING, "it needs exactly one class per image")


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
