"""What a run measures and stores because it is going to be used: the last part of an evaluation."""

from typing import Any

from gv_jax.data.builders.base import ImageBuilder
from gv_jax.evaluation.evaluator import Runtime
from gv_jax.inference.color.held_out_images import evaluate_held_out_images
from gv_jax.inference.finished_run import LoadedNetwork
from gv_jax.inference.stored.stored_files import store_inference_files
from gv_jax.tasks.generation import SAMPLING_FIELDS, Generation
from gv_jax.training.run_dir import RunDir


def evaluate_as_used(
    evaluation: Any,
    runtime: Runtime,
    loaded: LoadedNetwork,
    builder: ImageBuilder,
    run_dir: RunDir,
    config: Any,
) -> Any:
    """The evaluation with results on whole or generated images.

    Of a classifier, calibration and features are stored.

    Args:
        evaluation: At the size of the network input.
        runtime: Data of the run, compiled evaluation.
        loaded: Its network.
        builder: The prepared data set.
        run_dir: Where files for inference are written.
        config: Of the run.
    """
    task: Any = loaded.task
    section = config.inference
    if task.whole_images and section["whole_images"]:
        limit = section["whole_images"]
        return evaluate_held_out_images(evaluation, task, *loaded[1:], builder, config.data, limit)
    if isinstance(task, Generation):
        from gv_jax.inference.generation.measure_run import measure_run  # scikit-learn is slow

        sampling = {name: config.generation[name] for name in SAMPLING_FIELDS}
        evaluation.results["sampling"] = sampling
        if section.samples:
            return measure_run(
                evaluation, loaded, builder.group_of, config.generation, section.samples
            )
        return evaluation
    if task.uses_labels:
        store_inference_files(evaluation, runtime, loaded, run_dir, section)
    return evaluation
