"""Wires pictures, network, task, training and evaluation into one run."""

from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax import nnx

from gv_jax import distributed
from gv_jax.assembly import Runtime, TrainSetup, setup
from gv_jax.config import default
from gv_jax.config.validate import validate
from gv_jax.data import audit, dataset
from gv_jax.data.builders.base import REPORT_FILE
from gv_jax.data.dataset import Dataset
from gv_jax.errors import UserError
from gv_jax.evaluation import EVALUATORS
from gv_jax.evaluation.loop import collect_outputs
from gv_jax.models.summary import summarize_layers as model_summary
from gv_jax.reporting import audit_page, report
from gv_jax.settings import (
    DTYPES,
    Config,
    build_model,
    builder_kwargs,
    image_size,
    load_dataset,
    make_probe,
    num_inputs,
    num_outputs,
    prepare_builder,
    resolve_config,
)
from gv_jax.training.checkpoint import Checkpoints
from gv_jax.training.fit import Progress, RunTracker, fit
from gv_jax.training.probe import fit_probe
from gv_jax.training.run_dir import RunDir, write_json
from gv_jax.training.step import make_train_step
from gv_jax.training.timer import Timer, explain_oom


def run(config: Config, workdir: Path) -> str:
    """Trains, evaluates and reports what `config` describes in `workdir`; a line on how it went.

    A run that was cut off goes on; a finished one is left as it is. UserError for what a person can mend,
    Interrupted when SIGTERM or Ctrl-C ended it.
    """
    config = resolve_config(config)
    validate(config)
    folder = RunDir(workdir)
    folder.check(config.to_dict(), resolve_config(default.get_config()).to_dict())
    if folder.finished:
        return f"finished already, nothing to do: {summary_line(folder)}"
    clock = Timer()
    with explain_oom(config.train.batch_size):
        pictures = load_dataset(config)
        clock.lap("data_s")
        learner, machine = setup(config, pictures)
        teach = fit_linear_probe if config.probe.method else train
        best, progress, choice = teach(config, pictures, learner, machine, folder, clock)
        clock.lap("train_s")
        clock.laps["train_s"] = progress.seconds
        evaluate_and_report(
            config, pictures, learner, machine, best, {**progress.steps, **choice}, folder, clock
        )
    return summary_line(folder)


def train(
    config: Config,
    pictures: Dataset,
    learner: TrainSetup,
    machine: Runtime,
    folder: RunDir,
    clock: Timer,
) -> tuple[dict[str, Any], Progress, dict[str, Any]]:
    """Training by steps: (weights to keep, progress, nothing else to tell)."""
    batch_at = machine.batches(config.seed)
    update = make_train_step(
        learner.network,
        machine.trained,
        learner.transform,
        learner.augment,
        seed=config.seed,
        ema_decay=config.train.ema,
        dtype=DTYPES[config.model.dtype],
    )
    update = distributed.aot_compile(update, machine.mesh, learner.state, batch_at(0), donate=True)
    clock.lap("compile_s")
    folder.open(config.to_dict())
    return *fit(
        learner.state,
        update,
        batch_at,
        RunTracker(machine.plan, folder, machine.validate, learner.schedule),
    ), {}


def fit_linear_probe(
    config: Config,
    pictures: Dataset,
    learner: TrainSetup,
    machine: Runtime,
    folder: RunDir,
    clock: Timer,
) -> tuple[dict[str, Any], Progress, dict[str, Any]]:
    """The linear probe: the weights with another last layer, as a training of one step, and how it was chosen."""
    clock.lap("compile_s")
    folder.open(config.to_dict())
    feed, told = machine.feeds["train"], make_probe(config, pictures)
    return fit_probe(
        learner.network,
        learner.state,
        machine.task,
        feed,
        machine.validate,
        folder,
        layer=learner.head,
        **told,
    )


def evaluate_run(config: Config, workdir: Path) -> str:
    """Evaluates and reports a finished run of `config` in `workdir` again; a line on what came out."""
    config = resolve_config(config)
    validate(config)
    folder = RunDir(workdir)
    if not folder.finished:
        raise UserError(
            f"{workdir} holds no finished run to evaluate: train it first, without --mode=evaluate"
        )
    folder.check(config.to_dict(), resolve_config(default.get_config()).to_dict())
    before = folder.results or {}
    clock = Timer()
    with explain_oom(config.train.batch_size):
        pictures = load_dataset(config)
        learner, machine = setup(config, pictures)
        with Checkpoints(folder.checkpoints) as checkpoints:
            _, best, _ = checkpoints.restore(learner.state)
        clock.laps = {name: before["timing"][name] for name in ("data_s", "compile_s", "train_s")}
        evaluate_and_report(
            config, pictures, learner, machine, best, before["training"], folder, clock
        )
    return summary_line(folder)


def summarize_model(config: Config) -> str:
    """The model of `config` layer by layer; needs no pictures."""
    config = resolve_config(config)
    validate(config)
    classes = dataset.class_names(config.data.name, **builder_kwargs(config.data))
    size = image_size(config.data)
    if not all(size):
        raise UserError(
            "pictures at their own size: say which for the summary with --config.data.size=(HEIGHT,WIDTH)"
        )
    outputs = num_outputs(config, len(classes))
    model = nnx.eval_shape(
        lambda: build_model(config, outputs, size)
    )  # shapes alone: no weight is drawn
    return model_summary(model, size, num_inputs(config))


def evaluate_and_report(
    config: Config,
    pictures: Dataset,
    learner: TrainSetup,
    machine: Runtime,
    best: dict[str, Any],
    training: dict[str, Any],
    folder: RunDir,
    clock: Timer,
) -> None:
    """Evaluates the weights `best` on every split and writes results, predictions, figures and report."""
    weights = (best["params"], best["stats"])
    records = {
        name: collect_outputs(
            machine.examine,
            weights,
            machine.feeds[name],
            len(split.labels),
            config.train.batch_size,
        )
        for name, split in pictures.splits.items()
    }
    assessment = EVALUATORS[config.task](records, pictures, machine.task)
    images, targets = learner.augment(
        jax.random.key(config.seed), *machine.task.unpack(machine.batches(config.seed)(0))
    )
    answer, maps = (
        jax.jit(function, compiler_options=distributed.compiler_options())
        for function in (machine.answer, machine.maps)
    )
    exhibits = assessment.draw(
        folder.path / "figures",
        (np.asarray(images), np.asarray(targets)),
        lambda inputs: np.asarray(answer(*weights, inputs)),
        lambda batch: jax.tree.map(np.asarray, maps(*weights, batch)),
    )
    builder = prepare_builder(config.data)
    checked, drop = audit.audit_dataset(builder), config.data.drop_leaks
    audited = audit_page.audit_section(checked, builder.picture, folder.path / "figures", drop)
    clock.lap("evaluate_s")
    folder.write_predictions(assessment.predictions)
    folder.write_results(
        {
            "task": config.task,
            "dataset": pictures.name,
            "model": config.model.name,
            "parameters": learner.parameters,
            "training": training,
            "epochs": folder.at_epochs(config.train.report_epochs),
            "skipped": list(pictures.skipped),
            "remarks": list(pictures.remarks),
            "audit": {**checked.summary, "dropped": len(checked.leaked) if drop else 0},
            "seed": config.seed,
            "timing": clock.timing(),
            **({"sources": builder.report["classes"]} if builder.report else {}),
            **assessment.results,
        }
    )
    if builder.report:
        write_json(folder.path / REPORT_FILE, builder.report)
    report.write_report(
        folder.path,
        exhibits,
        pictures.skipped,
        resolve_config(default.get_config()).to_dict(),
        pictures.remarks,
        [audited],
    )


def summary_line(folder: RunDir) -> str:
    """What came out and where to read it."""
    assert folder.results is not None
    return f"{folder.results['summary']} Report: {folder.path / 'report.html'}"
