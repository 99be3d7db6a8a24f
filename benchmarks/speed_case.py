"""A case as the project computes it: model, random images, and the project's own step."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from optax import GradientTransformation

from benchmarks.cases import CASES, CLASSIFICATION, PREDICTION, Case
from gv_jax import distributed
from gv_jax.data.augment.tta import tta_transforms
from gv_jax.inference.classifier import last_layer, make_forward, max_batch_size
from gv_jax.models import build
from gv_jax.models.ops.platform import plain_operations
from gv_jax.tasks.classification import Classification
from gv_jax.training.optimizer import build_optimizer
from gv_jax.training.step import SplitModule, init_train_state, make_train_step
from gv_jax.training.task import Batch, Task

ERRORS = {"mse": jnp.square, "mae": jnp.abs}  # of a difference


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
class ImageRegression:
    """Images that are network inputs already, and images to predict from them.

    Attributes:
        error: Of a difference, by element.
        tanh: Whether the prediction is the hyperbolic tangent of the outputs.
        monitor: The metric that selects the best checkpoint, and its direction.
    """

    error: Callable[[jax.Array], jax.Array]
    tanh: bool
    monitor: tuple[str, str] = ("loss", "min")

    def prepare_batch(self, batch: Batch) -> tuple[jax.Array, jax.Array]:
        return batch["image"], batch["label"]

    def make_inputs(
        self, key: jax.Array, images: jax.Array, targets: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        return images, targets

    def metrics(self, outputs: jax.Array, targets: jax.Array) -> dict[str, jax.Array]:
        predictions = jnp.tanh(outputs) if self.tanh else outputs
        return {"loss": self.error(predictions - targets).mean((1, 2, 3))}

    def eval_outputs(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        return outputs


@dataclass(frozen=True)
class SpeedCase:
    """A model, batches of random images for it, and how it is trained."""

    model: nnx.Module
    network: SplitModule
    task: Task
    optimizer: GradientTransformation
    batch: dict[str, np.ndarray]

    @staticmethod
    def from_name(name: str, num_batches: int = 1) -> "SpeedCase":
        """One of CASES, with `num_batches` batches in one."""
        return SpeedCase.from_case(CASES[name], num_batches)

    @staticmethod
    def from_case(case: Case, num_batches: int = 1) -> "SpeedCase":
        """A case, with `num_batches` batches in one."""
        model = build_case_model(case)
        network = SplitModule.from_module(model)
        return SpeedCase(
            model, network, make_task(case), build_adam(), random_batch(case, network, num_batches)
        )


def build_case_model(case: Case) -> nnx.Module:
    """The model of a case with random weights."""
    return build(
        case.model,
        inputs=case.channels,
        classes=case.outputs,
        size=(case.height, case.width),
        rngs=nnx.Rngs(0),
    )


def build_adam() -> GradientTransformation:
    """Adam at a constant rate of 0.001."""
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
    return adam


def make_task(case: Case) -> Task:
    """The task: inputs, loss and metrics."""
    if case.kind == PREDICTION:
        return Classification(case.outputs)
    if case.kind == CLASSIFICATION:
        return StandardizedClassification(case.outputs)
    return ImageRegression(ERRORS[case.loss], case.tanh)


def random_batch(case: Case, network: SplitModule, num_batches: int) -> dict[str, np.ndarray]:
    """Images, random normal or for a prediction uint8, and random labels or target images."""
    rng = np.random.default_rng(0)
    shape = (num_batches * case.batch, case.height, case.width, case.channels)
    if case.kind == PREDICTION:
        return {"image": rng.integers(0, 256, shape, np.uint8)}
    images = rng.standard_normal(shape, np.float32)
    if case.kind == CLASSIFICATION:
        labels = rng.integers(0, case.outputs, len(images), np.int32)
    else:
        outputs = jax.eval_shape(
            network.apply_eval, network.params, network.batch_stats, jnp.asarray(images)
        )
        labels = rng.uniform(-1, 1, outputs.shape).astype(np.float32)
    return {"image": images, "label": labels}


def no_augment(
    key: jax.Array, images: jax.Array, targets: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Returns images and targets unchanged."""
    return images, targets


class CompiledStep(NamedTuple):
    """One step of a case.

    Attributes:
        run: Computes the next step; returns when the results are on the host.
        program: Compiled by XLA; one step calls it `calls` times.
        function: That it was compiled from.
        arguments: Of one call, or their shapes and dtypes.
        calls: Of the program in one step.
    """

    run: Callable[[], None]
    program: Any
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    calls: int = 1

    def count_gflops(self) -> float | None:
        """1e9 floating-point operations of a step in XLA's own operations; None: not known.

        An addition and a multiplication are two. The program may compute the same result with
        fewer or more operations, so that this number is the same for all formulations.
        """
        with plain_operations():
            lowered = jax.jit(self.function).lower(*self.arguments)
        flops = (lowered.cost_analysis() or {}).get("flops", 0.0)
        return 1e-9 * self.calls * flops if flops > 0 else None


def compile_training(case: SpeedCase, *, dtype: Any = jnp.float32) -> CompiledStep:
    """Compiles the training step, whose metrics are its results; `dtype` as of `compile_step`."""
    mesh = distributed.data_mesh()
    batch = distributed.shard_batch(case.batch, mesh)
    state = init_train_state(case.network, case.optimizer, ema=False)
    states = [distributed.replicate(state, mesh)]
    train_step = make_train_step(
        case.network, case.task, case.optimizer, no_augment, seed=0, dtype=dtype
    )
    program = distributed.aot_compile(train_step, mesh, states[0], batch, donate=True)
    shapes = jax.eval_shape(lambda: states[0])  # every step donates the arrays of the state

    def run() -> None:
        states[0], metrics = program(states[0], batch)
        jax.device_get(metrics)

    return CompiledStep(run, program, train_step, (shapes, batch))


def compile_prediction(case: SpeedCase, *, dtype: Any = jnp.float32) -> CompiledStep:
    """Compiles the prediction of `gv-jax predict`: logits and features of the images of a batch.

    As there, a batch is predicted in parts of at most `max_batch_size` images.
    """
    assert isinstance(case.task, Classification)
    images, weights = case.batch["image"], (case.network.params, case.network.batch_stats)
    size = min(len(images), max_batch_size(images.shape[1:3]))
    assert len(images) % size == 0, "the parts would have two sizes"
    forward = make_forward(
        case.network,
        case.task,
        last_layer(case.network, weights),
        tta_transforms(flip=False, shift=0),
        dtype=dtype,
    )
    jitted = jax.jit(forward, compiler_options=distributed.compiler_options())
    program = jitted.lower(*weights, images[:size]).compile()

    def run() -> None:
        for start in range(0, len(images), size):
            jax.device_get(program(*weights, images[start : start + size]))

    return CompiledStep(run, program, forward, (*weights, images[:size]), len(images) // size)


def compile_step(case: SpeedCase, *, dtype: Any = jnp.float32) -> CompiledStep:
    """Compiles the step of a case; `dtype` is what the network computes in."""
    is_trained = "label" in case.batch
    return (compile_training if is_trained else compile_prediction)(case, dtype=dtype)
