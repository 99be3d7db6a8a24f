"""How many pictures a training step takes per second.

    python -m benchmarks.speed [NAME ...]

Each NAME is one model at one input size and batch (all of CASES without one). Prints one JSON line per model:
{"name", "batch", "ms", "images_per_second", "parameters"}; ms is the median of ten steps (forward, backward, Adam)
after three for warming up, in float32, with dropout and batch normalisation as in training. The pictures are random
normal, the labels random. "parameters" are those that are trained.
"""

import argparse
import json
import statistics
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
from gv_jax.training.step import Batch, SplitModule, init_train_state, make_train_step

# name: (model, batch, height, width, channels, classes)
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
    """Classification of pictures that are normalised already."""

    def unpack(self, batch: Batch) -> tuple[jax.Array, jax.Array]:
        return batch["image"], jax.nn.one_hot(batch["label"], self.classes)

    def encode(
        self, key: jax.Array, images: jax.Array, targets: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        return images, targets


@dataclass(frozen=True)
class SpeedCase:
    """A model, batches of random pictures for it, and how it is trained."""

    model: nnx.Module
    network: SplitModule
    task: StandardizedClassification
    optimizer: GradientTransformation
    batch: dict[str, np.ndarray]

    @staticmethod
    def of(name: str, copies: int = 1) -> "SpeedCase":
        """That of one of CASES, with `copies` batches, one after the other."""
        model_name, batch_size, height, width, channels, classes = CASES[name]
        model = build(
            model_name, inputs=channels, classes=classes, size=(height, width), rngs=nnx.Rngs(0)
        )
        adam, _ = build_optimizer(
            name="adam",
            learning_rate=1e-3,
            schedule="constant",
            total_steps=1000,
            warmup_steps=0,
            step_milestones=(),
            step_gamma=0.1,
            momentum=0.0,
            weight_decay=0.0,
            clip_norm=0.0,
            grad_accum_steps=1,
        )
        random = np.random.default_rng(0)
        pictures = random.standard_normal(
            (copies * batch_size, height, width, channels), np.float32
        )
        labels = random.integers(0, classes, copies * batch_size, np.int32)
        return SpeedCase(
            model,
            SplitModule.of(model),
            StandardizedClassification(classes),
            adam,
            {"image": pictures, "label": labels},
        )


def median_ms(step: Callable[..., Any], state: Any, *given: Any, warm_up: int, steps: int) -> float:
    """Milliseconds of a step, waited for: the median after warming up."""
    times = []
    for _ in range(warm_up + steps):
        began = time.perf_counter()
        state, metrics = step(state, *given)
        jax.device_get(metrics)
        times.append(time.perf_counter() - began)
    return 1e3 * statistics.median(times[warm_up:])


def measure_case(name: str, warm_up: int = 3, steps: int = 10) -> dict[str, str | int | float]:
    """The line for one of CASES."""
    problem = SpeedCase.of(name)
    update = make_train_step(
        problem.network, problem.task, problem.optimizer, lambda key, *batch: batch, seed=0
    )
    mesh = distributed.data_mesh()
    batch = distributed.shard_batch(problem.batch, mesh)
    state = distributed.replicate(
        init_train_state(problem.network, problem.optimizer, average=False), mesh
    )
    step = distributed.aot_compile(update, mesh, state, batch, donate=True)
    ms = median_ms(step, state, batch, warm_up=warm_up, steps=steps)
    batch_size = len(problem.batch["label"])
    return {
        "name": name,
        "batch": batch_size,
        "ms": round(ms, 2),
        "images_per_second": round(1e3 * batch_size / ms, 1),
        "parameters": count_params(problem.model)[1],
    }


def run_speed() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(CASES))
    names = parser.parse_args().names or list(CASES)
    for name in names:
        if name not in CASES:
            parser.error(str(unknown("case", name, CASES)))
    for name in names:
        print(json.dumps(measure_case(name)), flush=True)  # noqa: T201 - a command whose result is its output


if __name__ == "__main__":
    run_speed()
