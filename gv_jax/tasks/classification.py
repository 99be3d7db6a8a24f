"""Classification: exactly one class per image."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import optax

from gv_jax.data.arrays import Dataset
from gv_jax.errors import UserError
from gv_jax.evaluation.class_metrics import CLASSIFICATION_METRICS
from gv_jax.evaluation.classification import (
    ClassificationEvaluation,
    evaluate_classification,
)
from gv_jax.image.standardize import standardize
from gv_jax.models import CLASSIFIERS
from gv_jax.reporting.figures.report_figure import Augmented, FeatureMaps, ReportFigure
from gv_jax.tasks.run_task import (
    CLASS_BALANCING,
    Config,
    Predict,
    check_model,
    check_no_degradation,
    check_num_classes,
    is_on,
)
from gv_jax.training.losses import Loss, make_softmax_loss
from gv_jax.training.task import Batch


@dataclass(frozen=True)
class Classification:
    """One of `num_classes` classes per image; softmax cross-entropy.

    Attributes:
        num_classes: Number of classes, k.
        mean: Subtracted from images in [0, 1]; one number, or one per channel.
        std: Divisor after that; one number, or one per channel.
        loss: Logits and targets [n k] -> loss [n].
        monitor: The metric that selects the best checkpoint, and its direction.
    """

    models: ClassVar[tuple[str, ...]] = tuple(CLASSIFIERS)
    uses_labels: ClassVar[bool] = True
    gray_inputs: ClassVar[bool] = False
    multi_label: ClassVar[bool] = False
    whole_images: ClassVar[bool] = False
    metric_names: ClassVar[tuple[str, ...]] = CLASSIFICATION_METRICS

    num_classes: int
    mean: tuple[float, ...] = (0.5,)
    std: tuple[float, ...] = (0.25,)
    loss: Loss = optax.softmax_cross_entropy
    monitor: tuple[str, str] = ("accuracy", "max")

    @classmethod
    def validate(cls, config: Config) -> None:
        check_model(config, cls.models)
        check_no_degradation(config)
        balancing = [field for field in CLASS_BALANCING if is_on(config, field)]
        if len(balancing) > 1:
            fields = " and ".join(f"config.{field}" for field in balancing)
            raise UserError(f"{fields} all balance the classes: use only one of them")

    @classmethod
    def num_inputs(cls, config: Config) -> int:
        return max(config.data.channels, len(config.data.mean), len(config.data.std))

    @classmethod
    def num_outputs(cls, config: Config, num_classes: int) -> int:
        return num_classes

    @property
    def outputs(self) -> int:
        return self.num_classes

    @classmethod
    def from_config(cls, config: Config, dataset: Dataset) -> "Classification":
        check_num_classes(config, dataset)
        return cls(len(dataset.classes), tuple(config.data.mean), tuple(config.data.std))

    @classmethod
    def from_run(cls, config: Mapping[str, Any], results: Mapping[str, Any]) -> "Classification":
        data = config["data"]
        return cls(len(results["classes"]), tuple(data["mean"]), tuple(data["std"]))

    def with_training_loss(self, loss: Config, labels: np.ndarray) -> "Classification":
        if not any(loss.values()):
            return self
        counts = np.bincount(labels, minlength=self.num_classes).tolist()
        return replace(self, loss=make_softmax_loss(counts, **loss.to_dict()))

    def prepare_batch(self, batch: Batch) -> tuple[jax.Array, jax.Array]:
        images = batch["image"].astype(jnp.float32) / 255.0  # [n h w c]
        return images, jax.nn.one_hot(batch["label"], self.num_classes)  # [n k]

    def make_inputs(
        self, key: jax.Array, images: jax.Array, targets: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        return standardize(images, self.mean, self.std), targets

    def metrics(self, outputs: jax.Array, targets: jax.Array) -> dict[str, jax.Array]:
        correct = outputs.argmax(-1) == targets.argmax(-1)
        return {
            "loss": self.loss(outputs, targets),
            "accuracy": correct.astype(jnp.float32),
        }

    def eval_outputs(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Returns the logits [n k]."""
        return outputs

    def evaluate(
        self, outputs: Mapping[str, np.ndarray], dataset: Dataset
    ) -> ClassificationEvaluation:
        return evaluate_classification(outputs, dataset)

    def draw(
        self,
        evaluation: ClassificationEvaluation,
        folder: Path,
        augmented: Augmented | None = None,
        predict: Predict | None = None,
        feature_maps: FeatureMaps | None = None,
    ) -> list[ReportFigure]:
        # matplotlib is slow to import
        from gv_jax.reporting.figures.classification import draw_classification

        return draw_classification(evaluation, folder, augmented, feature_maps)
