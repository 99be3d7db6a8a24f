"""The protocol of a task in a whole run: configuration, data set, evaluation and figures."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

import numpy as np

from gv_jax.data.arrays import Dataset
from gv_jax.reporting.figures.common import Augmented, FeatureMaps
from gv_jax.reporting.figures.report_figure import ReportFigure
from gv_jax.training.task import Task

Config = Any  # an ml_collections.ConfigDict, whose fields are known at run time only
Predict = Callable[[np.ndarray], np.ndarray]  # network inputs [n ...] -> outputs [n ...]


class RunTask(Task, Protocol):
    """A task of the training loop with all that is specific to it in the rest of a run.

    Attributes:
        models: Names of the models that are made for it.
        uses_labels: Whether the targets are the labels of the data set. If so, the inputs are
            standardized by config.data.mean and config.data.std, which follow pretrained weights.
        gray_inputs: Whether the inputs are the images in gray, degraded by config.degrade.
        multi_label: Whether a label is a set of classes, multi-hot [k], in place of one class.
    """

    models: ClassVar[tuple[str, ...]]
    uses_labels: ClassVar[bool]
    gray_inputs: ClassVar[bool]
    multi_label: ClassVar[bool]

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
