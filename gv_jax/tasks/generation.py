"""Generation: new images of a class, by flow matching with classifier-free guidance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from gv_jax.data.arrays import Dataset
from gv_jax.errors import UserError, unknown
from gv_jax.evaluation.generation.evaluation import (
    GENERATION_METRICS,
    GenerationEvaluation,
    evaluate_loss,
)
from gv_jax.image.alpha import premultiply
from gv_jax.models import GENERATORS
from gv_jax.models.diffusion.flow_inputs import REGION, FlowInputs
from gv_jax.reporting.figures.report_figure import Augmented, FeatureMaps, ReportFigure
from gv_jax.tasks.generation_data import find_alpha, find_layouts, warn_of_few_images
from gv_jax.tasks.run_task import (
    LABEL_FIELDS,
    Config,
    Predict,
    check_model,
    check_no_degradation,
    check_off,
)
from gv_jax.training.flow import draw_times, drop_labels, interpolate, roll_each
from gv_jax.training.layouts import MIN_TIME, Layouts, average_regions
from gv_jax.training.task import Batch

SAMPLERS = ("euler", "heun")
# Fields of config.generation that training does not use.
SAMPLING_FIELDS = ("guidance", "sampler", "steps", "layout_time", "palette", "strength")


@dataclass(frozen=True)
class Generation:
    """Predicts the velocity from noise to images of a class; the loss is its mean squared error.

    Images are in [-1, 1], colors premultiplied by alpha.

    Attributes:
        classes: Class names.
        tileable: Of each class: whether its images repeat without a seam. They are rolled in
            training, and convolutions wrap around.
        alpha: Of each class: OPAQUE, BINARY or SMOOTH.
        layouts: Of training images; None: the network is conditioned on the class alone.
        channels: Channels of the images.
        label_dropout: Probability of training without the class.
        time_mean: Mean of the logit of training times.
        time_std: Its standard deviation.
        monitor: The metric that selects the best checkpoint, and its direction.
    """

    models: ClassVar[tuple[str, ...]] = tuple(GENERATORS)
    uses_labels: ClassVar[bool] = False
    gray_inputs: ClassVar[bool] = False
    multi_label: ClassVar[bool] = False
    whole_images: ClassVar[bool] = False
    metric_names: ClassVar[tuple[str, ...]] = ("loss", *GENERATION_METRICS[:-1])  # all have a loss

    classes: tuple[str, ...]
    tileable: tuple[bool, ...]
    alpha: tuple[str, ...]
    layouts: Layouts | None = None
    channels: int = 4
    label_dropout: float = 0.1
    time_mean: float = 0.0
    time_std: float = 1.0
    monitor: tuple[str, str] = ("loss", "min")

    @classmethod
    def validate(cls, config: Config) -> None:
        check_model(config, cls.models)
        check_off(config, (*LABEL_FIELDS, "probe.method"), "classes are not predicted")
        check_off(config, ("loss.class_weights", "loss.logit_adjustment"), "there are no logits")
        check_no_degradation(config)
        section = config.generation
        if section.sampler not in SAMPLERS:
            raise unknown("value of config.generation.sampler", section.sampler, SAMPLERS)
        check_sides(config, config.data.size)

    @classmethod
    def num_inputs(cls, config: Config) -> int:
        return config.data.channels

    @classmethod
    def num_outputs(cls, config: Config, num_classes: int) -> int:
        return num_classes

    @property
    def outputs(self) -> int:
        """The number of classes that the network is built for; as a label, it stands for none."""
        return len(self.classes)

    @classmethod
    def from_config(cls, config: Config, dataset: Dataset) -> "Generation":
        section = config.generation
        for name in section.tileable:
            if name not in dataset.classes:
                raise unknown("class in config.generation.tileable", name, dataset.classes)
        check_sides(config, dataset.splits["train"].images.shape[1:3])
        warn_of_few_images(np.asarray(dataset.splits["train"].labels), dataset.classes)
        tileable = tuple(name in section.tileable for name in dataset.classes)
        return cls(
            classes=dataset.classes,
            tileable=tileable,
            layouts=find_layouts(dataset, section.layouts, tileable),
            alpha=find_alpha(dataset.splits["train"], len(dataset.classes)),
            channels=config.data.channels,
            label_dropout=section.label_dropout,
            time_mean=section.time_mean,
            time_std=section.time_std,
        )

    @classmethod
    def from_run(cls, config: Mapping[str, Any], results: Mapping[str, Any]) -> "Generation":
        section, classes = config["generation"], tuple(results["classes"])
        return cls(
            classes=classes,
            tileable=tuple(name in section["tileable"] for name in classes),
            alpha=tuple(results["alpha"][name] for name in classes),
            layouts=Layouts.from_results(
                results["layouts"], classes, results["image_size"], config["data"]["channels"]
            )
            if "layouts" in results
            else None,
            channels=config["data"]["channels"],
            label_dropout=section["label_dropout"],
            time_mean=section["time_mean"],
            time_std=section["time_std"],
        )

    def with_training_loss(self, loss: Config, labels: np.ndarray) -> "Generation":
        return self

    def prepare_batch(self, batch: Batch) -> tuple[jax.Array, jax.Array]:
        images = batch["image"].astype(jnp.float32) / 255.0  # [n h w c]
        return images, batch["label"]

    def make_inputs(
        self, key: jax.Array, images: jax.Array, targets: jax.Array
    ) -> tuple[FlowInputs, jax.Array]:
        """Noisy images, times and labels, of which some are dropped; the velocities [n h w c]."""
        time_key, noise_key, label_key, roll_key, layout_key = jax.random.split(key, 5)
        n, h, w, _ = images.shape
        wraps = jnp.array(self.tileable)[targets]
        images = to_network_range(images)
        if any(self.tileable):
            shifts = jax.random.randint(roll_key, (2, n), 0, jnp.array([[h], [w]]))
            shifts = jnp.where(wraps, shifts, jnp.zeros_like(shifts))
            images = roll_each(images, shifts[0], shifts[1])
        times = draw_times(time_key, n, self.time_mean, self.time_std)
        noise = jax.random.normal(noise_key, images.shape)
        noisy, velocity = interpolate(images, noise, times)
        labels = drop_labels(label_key, targets, self.label_dropout, self.outputs)
        layouts, layout_times = self.draw_layouts(layout_key, images, labels != self.outputs)
        wraps = wraps.astype(jnp.float32)
        return FlowInputs(noisy, times, labels, layouts, layout_times, wraps), velocity

    def draw_layouts(
        self, key: jax.Array, images: jax.Array, has_class: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        """The noisy layouts of images in [-1, 1], 0 without a class, and their times."""
        n, h, w, c = images.shape
        if self.layouts is None:
            return jnp.zeros((n, h // REGION, w // REGION, c)), jnp.zeros(n)
        time_key, noise_key = jax.random.split(key)
        layouts = average_regions(images)
        times = jax.random.uniform(time_key, (n,), minval=MIN_TIME)
        layouts, _ = interpolate(layouts, jax.random.normal(noise_key, layouts.shape), times)
        is_shown = has_class.astype(jnp.float32)
        return layouts * is_shown.reshape(-1, 1, 1, 1), times * is_shown

    def metrics(self, outputs: jax.Array, targets: jax.Array) -> dict[str, jax.Array]:
        return {"loss": jnp.square(outputs - targets).mean((1, 2, 3))}

    def eval_outputs(self, outputs: jax.Array, targets: jax.Array) -> dict[str, jax.Array]:
        """Returns the loss of every image [n]."""
        return self.metrics(outputs, targets)

    def evaluate(
        self, outputs: Mapping[str, Mapping[str, np.ndarray]], dataset: Dataset
    ) -> GenerationEvaluation:
        labels = tuple(int(label) for label in np.flatnonzero(self.tileable))
        evaluation = evaluate_loss(outputs, dataset, labels)
        evaluation.results["alpha"] = dict(zip(self.classes, self.alpha, strict=True))
        if self.layouts is not None:
            evaluation.results["layouts"] = self.layouts.to_results(self.classes)
        return evaluation

    def draw(
        self,
        evaluation: GenerationEvaluation,
        folder: Path,
        augmented: Augmented | None = None,
        predict: Predict | None = None,
        feature_maps: FeatureMaps | None = None,
    ) -> list[ReportFigure]:
        # matplotlib is slow to import
        from gv_jax.reporting.figures.generation import draw_generation

        return draw_generation(evaluation, folder)


def check_sides(config: Config, size: Sequence[int]) -> None:
    """Raises UserError if the network cannot be applied to images of a size (height, width)."""
    multiple = GENERATORS[config.model.name].func.multiple
    if any(side % multiple for side in (*size, config.augment.random_crop)):
        raise UserError(
            f"images have the size (height, width) {tuple(size)}: for model "
            f"{config.model.name!r}, config.data.size and config.augment.random_crop must be "
            f"multiples of {multiple}"
        )


def to_network_range(images: jax.Array) -> jax.Array:
    """Images in [0, 1] -> premultiplied, in [-1, 1]."""
    return 2 * premultiply(images) - 1
