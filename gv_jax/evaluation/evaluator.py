"""A network on the splits of a data set: compiled evaluation, prediction and feature maps."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from gv_jax import distributed
from gv_jax.data.arrays import Dataset, Split
from gv_jax.data.augment.tta import Transform
from gv_jax.data.batch_reader import BatchReader
from gv_jax.data.sampling import Sampler, batch_indices
from gv_jax.evaluation.loop import EvalStep, Weights, collect_outputs, mean_metrics
from gv_jax.training.features import make_feature_maps
from gv_jax.training.fit import LoopConfig
from gv_jax.training.step import SplitModule, TrainState, make_eval_step, make_predict
from gv_jax.training.task import Task


@dataclass(frozen=True)
class Evaluator:
    """Compiled functions of one network; its weights are an argument.

    Attributes:
        eval_step: with test-time augmentation, for results.
        valid_step: without, for validation after each epoch.
        get_batch: split -> reader from indices to a batch on the devices.
        sizes: split -> number of images.
        valid_batches: batches of the validation split per epoch; 0: all.
        dtype: what the network computes in.
        place: puts weights on the devices as the steps expect them.
    """

    eval_step: EvalStep
    valid_step: EvalStep
    predict: Callable[..., Any]
    feature_maps: Callable[..., Any]
    get_batch: Mapping[str, BatchReader[np.ndarray]]
    sizes: Mapping[str, int]
    batch_size: int
    valid_batches: int
    dtype: Any
    place: Callable[[Weights], Weights]

    def validate(self, state: TrainState) -> dict[str, float]:
        """Mean metrics of `state` on the validation split."""
        return mean_metrics(
            self.valid_step,
            state.eval_weights,
            self.get_batch["valid"],
            self.sizes["valid"],
            self.batch_size,
            self.valid_batches,
        )

    def collect(self, params: Any, batch_stats: Any) -> dict[str, Any]:
        """Split -> what the task evaluates of every image, in order: arrays [n ...]."""
        weights = self.place((params, batch_stats))
        return {
            split: collect_outputs(
                self.eval_step, weights, self.get_batch[split], size, self.batch_size
            )
            for split, size in self.sizes.items()
        }

    def functions_of(
        self, params: Any, batch_stats: Any
    ) -> tuple[Callable[[np.ndarray], np.ndarray], Callable[[Any], dict[str, np.ndarray]]]:
        """(inputs -> outputs, batch -> feature maps by layer) of the network with these weights."""
        options = distributed.compiler_options()
        predict = jax.jit(self.predict, compiler_options=options)
        feature_maps = jax.jit(self.feature_maps, compiler_options=options)
        return (
            lambda inputs: np.asarray(predict(params, batch_stats, inputs)),
            lambda batch: jax.tree.map(np.asarray, feature_maps(params, batch_stats, batch)),
        )


def make_evaluator(
    network: SplitModule,
    task: Task,
    state: TrainState,
    splits: Mapping[str, Split],
    mesh: Mesh,
    *,
    transforms: Sequence[Transform],
    batch_size: int,
    valid_batches: int,
    device_cache_mb: int,
    read_threads: int = 0,
    prefetch: int = 1,
    dtype: Any = jnp.float32,
) -> Evaluator:
    """Compiles the evaluation steps.

    Args:
        network: what is evaluated.
        task: what it is evaluated for.
        state: weights of the same shapes as those that will be evaluated.
        splits: the arrays of every split.
        mesh: the devices.
        transforms: of test-time augmentation, the identity first.
        batch_size: images per batch.
        valid_batches: batches of the validation split per epoch; 0: all.
        device_cache_mb: splits up to this size stay on the devices.
        read_threads: that read batches of larger splits ahead.
        prefetch: batches of larger splits that are read ahead.
        dtype: what the network computes in.
    """
    get_batch = {
        name: distributed.make_batch_reader(
            {"image": split.images, "label": split.labels},
            mesh,
            device_cache_mb * 2**20,
            threads=read_threads,
            prefetch=prefetch,
        )
        for name, split in splits.items()
    }
    shardings = distributed.shardings_of(state.eval_weights)
    is_sharded = not all(sharding.is_fully_replicated for sharding in jax.tree.leaves(shardings))
    first_batch = get_batch["train"](np.zeros(batch_size, np.int32))

    def compile_step(views: Sequence[Transform]) -> EvalStep:
        step = make_eval_step(network, task, transforms=views, dtype=dtype)
        gather = distributed.make_gather(mesh)

        def step_on_shards(params: Any, batch_stats: Any, batch: Any) -> Any:
            return step(gather(params), batch_stats, batch)

        return distributed.aot_compile(
            step_on_shards if is_sharded else step, mesh, *state.eval_weights, first_batch
        )

    valid_step = compile_step(())
    return Evaluator(
        eval_step=compile_step(transforms) if len(transforms) > 1 else valid_step,
        valid_step=valid_step,
        predict=make_predict(network, dtype=dtype),
        feature_maps=make_feature_maps(network, task),
        get_batch=get_batch,
        sizes={name: len(split.labels) for name, split in splits.items()},
        batch_size=batch_size,
        valid_batches=valid_batches,
        dtype=dtype,
        place=lambda weights: distributed.place(weights, shardings),
    )


@dataclass(frozen=True)
class Runtime:
    """What the runs of one program share: data on the devices, compiled evaluation."""

    dataset: Dataset
    task: Any  # a run-level task: see gv_jax.tasks
    train_task: Task  # with the training loss
    sampler: Sampler
    loop: LoopConfig
    mesh: Mesh
    evaluator: Evaluator

    def indices_at(self, *seeds: int) -> Callable[[int], np.ndarray]:
        """From a step to the indices of its training batch, int32; of several seeds, one by one."""
        num_images, size = self.evaluator.sizes["train"], self.loop.batch_size

        def indices_at(step: int) -> np.ndarray:
            rows = [batch_indices(seed, step, num_images, size, self.sampler) for seed in seeds]
            return np.concatenate(rows)

        return indices_at

    def batch_at(self, *seeds: int) -> BatchReader[int]:
        """From a step to its training batch; of several seeds, the batches are concatenated."""
        return self.evaluator.get_batch["train"].select(self.indices_at(*seeds))

    def on_this_process(self) -> "Runtime":
        """The same with batches on the devices of this process only."""
        if not self.mesh.is_multi_process:
            return self
        mesh = distributed.local_mesh()
        get_batch = {
            name: distributed.make_batch_reader(
                {"image": split.images, "label": split.labels}, mesh, resident_bytes=0
            )
            for name, split in self.dataset.splits.items()
        }
        return replace(self, mesh=mesh, evaluator=replace(self.evaluator, get_batch=get_batch))

    @property
    def validate(self) -> Callable[[TrainState], dict[str, float]] | None:
        """The metrics of a state on the validation split; None without that split."""
        return self.evaluator.validate if "valid" in self.evaluator.sizes else None
