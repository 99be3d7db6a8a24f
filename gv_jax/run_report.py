"""The last part of a run: its weights are evaluated and reported."""

from typing import Any, NamedTuple

import jax

from gv_jax import processes
from gv_jax.config.default import Config
from gv_jax.config.resolve import resolved_defaults
from gv_jax.data.builders.base import REPORT_FILE
from gv_jax.data.dataset import prepare_builder
from gv_jax.evaluation.evaluator import Runtime
from gv_jax.inference.finished_run import LoadedNetwork
from gv_jax.run_data import RunData
from gv_jax.training.lease import Lease
from gv_jax.training.run_dir import RunDir, write_json
from gv_jax.training.timer import Timer
from gv_jax.training.train_setup import TrainSetup


class Session(NamedTuple):
    """Where a process trains a run, on which data, and since when."""

    run_dir: RunDir
    data: RunData
    timer: Timer
    lease: Lease | None  # which process 0 alone holds


class Fitted(NamedTuple):
    """Weights to report {"params", "batch_stats"}; facts for results.json; seconds of training."""

    best: dict[str, Any]
    training: dict[str, Any]
    seconds: float


def evaluate_and_report(
    config: Config, setup: TrainSetup, runtime: Runtime, fitted: Fitted, session: Session
) -> None:
    """Evaluates the weights on every split; writes results, predictions, figures and report.

    All processes evaluate; process 0 writes, and the others return when it has finished.
    """
    # a second of import time (Matplotlib), after the training
    from gv_jax.inference.evaluate_as_used import evaluate_as_used
    from gv_jax.inference.explain.held_out import explain_held_out_images
    from gv_jax.reporting.audit_page import audit_run
    from gv_jax.reporting.probe_section import summarize_probe
    from gv_jax.reporting.report import write_report

    weights = (fitted.best["params"], fitted.best["batch_stats"])
    processes.meet("fitted")
    outputs = runtime.evaluator.collect(*weights)
    if not processes.is_primary():
        processes.wait_for("reported")
        return
    runtime = runtime.on_this_process()
    dataset, task, run_dir = runtime.dataset, runtime.task, session.run_dir
    builder = prepare_builder(session.data.section)
    evaluation = task.evaluate(outputs, dataset)
    loaded = LoadedNetwork(task, setup.network, weights)
    evaluation = evaluate_as_used(evaluation, runtime, loaded, builder, run_dir, config)
    predict, feature_maps = runtime.evaluator.functions_of(*weights)
    batch = task.prepare_batch(runtime.batch_at(config.seed)(0))
    key = jax.random.key(config.seed)  # a probe augments nothing
    augmented = None if config.probe.method else jax.device_get(setup.augment(key, *batch))
    figures = task.draw(evaluation, run_dir.figures, augmented, predict, feature_maps)
    figures += explain_held_out_images(evaluation, runtime, loaded, run_dir, config.inference)
    sections, audit_counts = [], {}
    if not any(session.data.changes):  # an audit of changed data is not one of this run's
        section, audit_counts = audit_run(builder, run_dir.figures, config.data.drop_leaks)
        sections = [section]
    session.timer.lap("evaluate_s")
    weights_of_run = run_dir.metadata.get("weights")
    results = {
        "task": config.task,
        "dataset": dataset.name,
        "model": config.model.name,
        "parameters": setup.num_params,
        "training": fitted.training,
        "epochs": run_dir.metrics_at(config.train.report_epochs),
        "skipped": list(dataset.skipped),
        "warnings": list(dataset.warnings),
        "audit": audit_counts,
        "data_changes": session.data.changes._asdict(),
        "seed": config.seed,
        "tta": config.tta.to_dict(),
        "image_size": dataset.splits["train"].images.shape[1:3],
        "timing": {
            **session.timer.timing(),
            "state_mb_per_device": round(setup.state_bytes / 2**20, 2),
        },
        **({"weights": weights_of_run} if weights_of_run else {}),
        **({"sources": builder.report["classes"]} if builder.report else {}),
        **evaluation.results,
    }
    if config.probe.method:
        results["summary"] = f"{results['summary']} {summarize_probe(fitted.training)}".rstrip()
    run_dir.write_predictions(evaluation.predictions)
    run_dir.write_results(results)
    if builder.report:
        write_json(run_dir.path / REPORT_FILE, builder.report)
    defaults = resolved_defaults()
    write_report(run_dir.path, figures, dataset.skipped, defaults, dataset.warnings, sections)
    processes.publish("reported")
