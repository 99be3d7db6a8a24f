"""Wires pictures, network, task, training and evaluation into one run."""

from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax import nnx

from configs import base
from gv_jax.assembly import Learner, Machine, assemble
from gv_jax.checks import check
from gv_jax.data import audit, dataset
from gv_jax.data.builders.picture_builder import REPORT
from gv_jax.data.dataset import Dataset
from gv_jax.errors import UserError
from gv_jax.evaluation import ASSESSMENTS, audit_page, report
from gv_jax.evaluation.evaluate import all_records
from gv_jax.models.summary import summary as model_summary
from gv_jax.settings import (
    DTYPES,
    Config,
    inputs,
    make_outputs,
    make_probe,
    open_dataset,
    open_model,
    open_pictures,
    picture_size,
    resolved,
    set_options,
)
from gv_jax.training import devices
from gv_jax.training.checkpoint import Checkpoints
from gv_jax.training.clock import Clock, advice_on_memory
from gv_jax.training.fit import Progress, Training, fit
from gv_jax.training.probe import fit_probe
from gv_jax.training.run_folder import RunFolder, write_json
from gv_jax.training.step import make_update


def run(config: Config, workdir: Path) -> str:
    """Trains, evaluates and reports what `config` describes in `workdir`; a line on how it went.

    A run that was cut off goes on; a finished one is left as it is. UserError for what a person can mend,
    Interrupted when SIGTERM or Ctrl-C ended it.
    """
    config = resolved(config)
    check(config)
    folder = RunFolder(workdir)
    folder.check(config.to_dict(), resolved(base.get_config()).to_dict())
    if folder.finished:
        return f"finished already, nothing to do: {headline(folder)}"
    clock = Clock()
    with advice_on_memory(config.train.batch_size):
        pictures = open_dataset(config)
        clock.lap("data_s")
        learner, machine = assemble(config, pictures)
        teach = find_head if config.probe.method else take_steps
        best, progress, choice = teach(config, pictures, learner, machine, folder, clock)
        clock.lap("train_s")
        clock.laps["train_s"] = progress.seconds
        conclude(config, pictures, learner, machine, best, {**progress.steps, **choice}, folder, clock)
    return headline(folder)


def take_steps(
    config: Config, pictures: Dataset, learner: Learner, machine: Machine, folder: RunFolder, clock: Clock
) -> tuple[dict[str, Any], Progress, dict[str, Any]]:
    """Training by steps: (weights to keep, progress, nothing else to tell)."""
    batch_at = machine.batches(config.seed)
    update = make_update(
        learner.network,
        machine.trained,
        learner.transform,
        learner.augment,
        seed=config.seed,
        ema_decay=config.train.ema,
        dtype=DTYPES[config.model.dtype],
    )
    update = devices.compiled(update, machine.mesh, learner.state, batch_at(0), donate=True)
    clock.lap("compile_s")
    folder.open(config.to_dict())
    return *fit(learner.state, update, batch_at, Training(machine.plan, folder, machine.validate, learner.schedule)), {}


def find_head(
    config: Config, pictures: Dataset, learner: Learner, machine: Machine, folder: RunFolder, clock: Clock
) -> tuple[dict[str, Any], Progress, dict[str, Any]]:
    """The linear probe: the weights with another last layer, as a training of one step, and how it was chosen."""
    clock.lap("compile_s")
    folder.open(config.to_dict())
    feed, told = machine.feeds["train"], make_probe(config, pictures)
    return fit_probe(
        learner.network, learner.state, machine.task, feed, machine.validate, folder, layer=learner.head, **told
    )


def evaluate(config: Config, workdir: Path) -> str:
    """Evaluates and reports a finished run of `config` in `workdir` again; a line on what came out."""
    config = resolved(config)
    check(config)
    folder = RunFolder(workdir)
    if not folder.finished:
        raise UserError(f"{workdir} holds no finished run to evaluate: train it first, without --mode=evaluate")
    folder.check(config.to_dict(), resolved(base.get_config()).to_dict())
    before = folder.results or {}
    clock = Clock()
    with advice_on_memory(config.train.batch_size):
        pictures = open_dataset(config)
        learner, machine = assemble(config, pictures)
        with Checkpoints(folder.checkpoints) as checkpoints:
            _, best, _ = checkpoints.restore(learner.state)
        clock.laps = {name: before["timing"][name] for name in ("data_s", "compile_s", "train_s")}
        conclude(config, pictures, learner, machine, best, before["training"], folder, clock)
    return headline(folder)


def summary(config: Config) -> str:
    """The model of `config` layer by layer; needs no pictures."""
    config = resolved(config)
    check(config)
    classes = dataset.classes(config.data.name, **set_options(config.data))
    size = picture_size(config.data)
    if not all(size):
        raise UserError("pictures at their own size: say which for the summary with --config.data.size=(HEIGHT,WIDTH)")
    outputs = make_outputs(config, len(classes))
    model = nnx.eval_shape(lambda: open_model(config, outputs, size))  # shapes alone: no weight is drawn
    return model_summary(model, size, inputs(config))


def conclude(
    config: Config,
    pictures: Dataset,
    learner: Learner,
    machine: Machine,
    best: dict[str, Any],
    training: dict[str, Any],
    folder: RunFolder,
    clock: Clock,
) -> None:
    """Evaluates the weights `best` on every split and writes results, predictions, figures and report."""
    weights = (best["params"], best["stats"])
    records = {
        name: all_records(machine.examine, weights, machine.feeds[name], len(split.labels), config.train.batch_size)
        for name, split in pictures.splits.items()
    }
    assessment = ASSESSMENTS[config.task](records, pictures, machine.task)
    images, targets = learner.augment(
        jax.random.key(config.seed), *machine.task.unpack(machine.batches(config.seed)(0))
    )
    answer, maps = (
        jax.jit(function, compiler_options=devices.compiler_options()) for function in (machine.answer, machine.maps)
    )
    exhibits = assessment.draw(
        folder.path / "figures",
        (np.asarray(images), np.asarray(targets)),
        lambda inputs: np.asarray(answer(*weights, inputs)),
        lambda batch: jax.tree.map(np.asarray, maps(*weights, batch)),
    )
    builder = open_pictures(config.data)
    checked, drop = audit.of(builder), config.data.drop_leaks
    audited = audit_page.section(checked, builder.picture, folder.path / "figures", drop)
    clock.lap("evaluate_s")
    folder.write_predictions(assessment.predictions)
    folder.write_results(
        {
            "task": config.task,
            "dataset": pictures.name,
            "model": config.model.name,
            "parameters": learner.parameters,
            "training": training,
            "epochs": folder.at_epochs(config.train.milestones),
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
        write_json(folder.path / REPORT, builder.report)
    report.write(
        folder.path, exhibits, pictures.skipped, resolved(base.get_config()).to_dict(), pictures.remarks, [audited]
    )


def headline(folder: RunFolder) -> str:
    """What came out and where to read it."""
    assert folder.results is not None
    return f"{folder.results['summary']} Report: {folder.path / 'report.html'}"
