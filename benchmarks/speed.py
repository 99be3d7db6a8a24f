"""Images per second of a training step.

    python -m benchmarks.speed [NAME ...]

Each NAME is one model at one input size and batch size; by default all of CASES. Prints one JSON
line per model: {"name", "batch", "ms", "images_per_second", "parameters"}. "ms" is the median of
ten steps (forward, backward, Adam) after three to warm up, in float32, with dropout and batch
normalization as in training. Images are random normal, labels random. "parameters" are the
trainable ones.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from flax import nnx
from optax import GradientTransformation

from gv_jax import distributed
from gv_jax.errors import unknown
from gv_jax.models import build
from gv_jax.models.summary import count_params
from gv_jax.tasks.classification import Classification
from gv_jax.training.optimizer import build_optimizer
from gv_jax.training.step import SplitModule, init_train_state, make_train_step
from gv_jax.training.task import Batch

# name: (model, batch size, height, width, channels, classes)
CASES = {
    "baseline-32": ("baseline", 128, 32, 32, 4, 15),
    "sequential-32": ("sequential", 128, 32, 32, 4, 15),
    "inception-32": ("inception", 128, 32, 32, 4, 15),
    "resnet34-32": ("resnet34", 128, 32, 32, 4, 15),
    "two_layer-255x342": ("two_layer", 32, 255, 342, 3, 6),
    "resnet18-224": ("resnet18", 16, 224, 224, 3, 36),
    "resnet50-224": ("resnet50", 8, 224, 224, 3, 5),
}


@dataclass(frozen=True)
class StandardizedClassification(Classification):
    """Classification of images that are standardized already."""

    def prepare_batch(self, batch: Batch) -> tuple[jax.Array, jax.Array]:
        return batch["image"], jax.nn.one_hot(batch["label"], self.num_classes)

    def make_inputs(
        self, key: jax.Array, images: jax.Array, targets: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        return images, targets


@dataclass(frozen=True)
class SpeedCase:
    """A model, batches of random images for it, and how it is trained."""

    model: nnx.Module
    network: SplitModule
    task: StandardizedClassification
    optimizer: GradientTransformation
    batch: dict[str, np.ndarray]

    @staticmethod
    def from_name(name: str, num_batches: int = 1) -> "SpeedCase":
        """One of CASES, with `num_batches` batches in one."""
        model_name, batch_size, height, width, channels, classes = CASES[name]
        model = build(
            model_name, inputs=channels, classes=classes, size=(height, width), rngs=nnx.Rngs(0)
        )
        adam, _ = build_optimizer(
            name="adam",
            learning_rate=1e-3,
            schedule="constant",
            warmup_epochs=0.0,
            step_milestones=(),
            step_gamma=0.1,
            momentum=0.0,
            weight_decay=0.0,
            clip_norm=0.0,
            grad_accum_steps=1,
            total_steps=1000,
            steps_per_epoch=1000,
        )
        rng = np.random.default_rng(0)
        num_images = num_batches * batch_size
        images = rng.standard_normal((num_images, height, width, channels), np.float32)
        labels = rng.integers(0, classes, num_images, np.int32)
        return SpeedCase(
            model,
            SplitModule.from_module(model),
            StandardizedClassification(classes),
            adam,
            {"image": images, "label": labels},
        )


def no_augment(
    key: jax.Array, images: jax.Array, targets: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Returns images and targets unchanged."""
    return images, targets


def median_ms(
    train_step: Callable[..., Any], state: Any, *arguments: Any, warm_up: int, steps: int
) -> float:
    """Median duration of a step in milliseconds, until its metrics are on the host.

    Args:
        train_step: (state, *arguments) -> (state, metrics).
        state: before the first step.
        *arguments: of every step.
        warm_up: steps that are not measured.
        steps: steps that are measured.
    """
    seconds = []
    for _ in range(warm_up + steps):
        started = time.perf_counter()
        state, metrics = train_step(state, *arguments)
        jax.device_get(metrics)
        seconds.append(time.perf_counter() - started)
    return 1e3 * statistics.median(seconds[warm_up:])


def measure_case(name: str, warm_up: int = 3, steps: int = 10) -> dict[str, str | int | float]:
    """Measures one of CASES.

    Args:
        name: in CASES.
        warm_up: steps that are not measured.
        steps: steps that are measured.

    Returns:
        The fields of its JSON line.
    """
    case = SpeedCase.from_name(name)
    mesh = distributed.data_mesh()
    batch = distributed.shard_batch(case.batch, mesh)
    state = init_train_state(case.network, case.optimizer, ema=False)
    state = distributed.replicate(state, mesh)
    train_step = make_train_step(case.network, case.task, case.optimizer, no_augment, seed=0)
    train_step = distributed.aot_compile(train_step, mesh, state, batch, donate=True)
    ms = median_ms(train_step, state, batch, warm_up=warm_up, steps=steps)
    batch_size = len(case.batch["label"])
    return {
        "name": name,
        "batch": batch_size,
        "ms": round(ms, 2),
        "images_per_second": round(1e3 * batch_size / ms, 1),
        "parameters": count_params(case.model)[1],
    }


def run_speed() -> None:
    """Measures the cases of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(CASES))
    names = parser.parse_args().names or list(CASES)
    for name in names:
        if name not in CASES:
            parser.error(str(unknown("case", name, CASES)))
    for name in names:
        sys.stdout.write(json.dumps(measure_case(name)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    run_speed()
