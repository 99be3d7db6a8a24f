"""Wires pictures, network, task, training and evaluation into one run."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax import nnx

from configs import base
from gv_jax.data import audit, dataset
from gv_jax.data.batches import indices
from gv_jax.data.dataset import Dataset
from gv_jax.errors import UserError
from gv_jax.evaluation import ASSESSMENTS, audit_page, report
from gv_jax.evaluation.evaluate import all_records, mean_scores
from gv_jax.models.summary import counts
from gv_jax.models.summary import summary as model_summary
from gv_jax.settings import (
    DTYPES,
    Config,
    check,
    make_augmentation,
    make_optimizer,
    make_plan,
    make_task,
    open_dataset,
    open_model,
    open_pictures,
    picture_size,
    set_options,
)
from gv_jax.training import devices
from gv_jax.training.checkpoint import Checkpoints
from gv_jax.training.clock import Clock, advice_on_memory
from gv_jax.training.fit import Plan, fit
from gv_jax.training.run_folder import RunFolder
from gv_jax.training.step import Augmentation, Network, State, make_answer, make_examine, make_maps, make_update, start
from gv_jax.training.tasks import Task


@dataclass(frozen=True)
class Machine:
    """A network ready to train: compiled steps and the pictures on the devices."""

    state: State
    update: Callable[..., Any]
    examine: Callable[..., Any]
    batch_at: Callable[[int], Any]
    feeds: dict[str, Callable[[np.ndarray], Any]]
    validate: Callable[[State], dict[str, float]] | None
    plan: Plan
    schedule: Callable[[int], Any]
    task: Task
    augment: Augmentation
    answer: Callable[..., Any]
    maps: Callable[..., Any]
    parameters: dict[str, int]


def run(config: Config, workdir: Path) -> str:
    """Trains, evaluates and reports what `config` describes in `workdir`; a line on how it went.

    A run that was cut off goes on; a finished one is left as it is. UserError for what a person can mend,
    Interrupted when SIGTERM or Ctrl-C ended it.
    """
    check(config)
    folder = RunFolder(workdir)
    folder.check(config.to_dict(), base.get_config().to_dict())
    if folder.finished:
        return f"finished already, nothing to do: {headline(folder)}"
    clock = Clock()
    with advice_on_memory(config.train.batch_size):
        pictures = open_dataset(config.data)
        clock.lap("data_s")
        machine = assemble(config, pictures)
        clock.lap("compile_s")
        folder.open(config.to_dict())
        best, progress = fit(
            machine.state,
            machine.update,
            machine.batch_at,
            machine.validate,
            machine.plan,
            folder,
            machine.schedule,
        )
        clock.lap("train_s")
        clock.laps["train_s"] = progress.seconds
        training = {"best_step": progress.best_step or progress.step, "last_step": progress.step}
        conclude(config, pictures, machine, best, training, folder, clock)
    return headline(folder)


def evaluate(config: Config, workdir: Path) -> str:
    """Evaluates and reports a finished run of `config` in `workdir` again; a line on what came out."""
    check(config)
    folder = RunFolder(workdir)
    if not folder.finished:
        raise UserError(f"{workdir} holds no finished run to evaluate: train it first, without --mode=evaluate")
    folder.check(config.to_dict(), base.get_config().to_dict())
    before = folder.results or {}
    clock = Clock()
    with advice_on_memory(config.train.batch_size):
        pictures = open_dataset(config.data)
        machine = assemble(config, pictures)
        with Checkpoints(folder.checkpoints) as checkpoints:
            _, best, _ = checkpoints.restore(machine.state)
        clock.laps = {name: before["timing"][name] for name in ("data_s", "compile_s", "train_s")}
        conclude(config, pictures, machine, best, before["training"], folder, clock)
    return headline(folder)


def summary(config: Config) -> str:
    """The model of `config` layer by layer; needs no pictures."""
    check(config)
    classes = dataset.classes(config.data.name, **set_options(config.data))
    size = picture_size(config.data)
    if not all(size):
        raise UserError("pictures at their own size: say which for the summary with --config.data.size=(HEIGHT,WIDTH)")
    model = nnx.eval_shape(lambda: open_model(config, len(classes), size))  # shapes alone: no weight is drawn
    return model_summary(model, size, config.data.channels)


def conclude(
    config: Config,
    pictures: Dataset,
    machine: Machine,
    best: dict[str, Any],
    training: dict[str, int],
    folder: RunFolder,
    clock: Clock,
) -> None:
    """Evaluates the weights `best` on every split and writes results, predictions, figures and report."""
    weights = (best["params"], best["stats"])
    records = {
        name: all_records(machine.examine, weights, machine.feeds[name], len(split.labels), config.train.batch_size)
        for name, split in pictures.splits.items()
    }
    assessment = ASSESSMENTS[config.task](records, pictures)
    images, targets = machine.augment(jax.random.key(config.seed), *machine.task.unpack(machine.batch_at(0)))
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
            "parameters": machine.parameters,
            "training": training,
            "skipped": list(pictures.skipped),
            "remarks": list(pictures.remarks),
            "audit": {**checked.summary, "dropped": len(checked.leaked) if drop else 0},
            "seed": config.seed,
            "timing": clock.timing(),
            **assessment.results,
        }
    )
    report.write(folder.path, exhibits, pictures.skipped, base.get_config().to_dict(), pictures.remarks, [audited])


def headline(folder: RunFolder) -> str:
    """What came out and where to read it."""
    assert folder.results is not None
    return f"{folder.results['summary']} Report: {folder.path / 'report.html'}"


def assemble(config: Config, pictures: Dataset) -> Machine:
    """Builds and compiles everything that training and evaluation need."""
    devices.keep_compiled(Path(config.data.root) / "compiled")
    mesh = devices.data_mesh()
    devices.check_batch(config.train.batch_size, mesh)
    model = open_model(config, len(pictures.classes), pictures.splits["train"].images.shape[1:3])
    network = Network.of(model)
    total, trainable = counts(model)
    task = make_task(config, len(pictures.classes))
    plan = make_plan(config, len(pictures.splits["train"].labels), task, "valid" in pictures.splits)
    transform, schedule = make_optimizer(config.optimizer, plan)
    augment = make_augmentation(config)
    dtype = DTYPES[config.model.dtype]
    update = make_update(network, task, transform, augment, seed=config.seed, ema_decay=config.train.ema, dtype=dtype)
    feeds = {
        name: devices.feed(
            {"image": split.images, "label": split.labels}, mesh, config.train.resident_megabytes * 2**20
        )
        for name, split in pictures.splits.items()
    }
    train_size, batch_size = len(pictures.splits["train"].labels), config.train.batch_size

    def batch_at(step: int) -> Any:
        return feeds["train"](indices(config.seed, step, train_size, batch_size))

    state = devices.replicate(start(network, transform, average=config.train.ema > 0), mesh)
    first = batch_at(0)
    examine = devices.compiled(make_examine(network, task, dtype=dtype), mesh, *state.weights, first)

    def validate(state: State) -> dict[str, float]:
        size, batches = len(pictures.splits["valid"].labels), config.train.valid_batches
        return mean_scores(examine, state.weights, feeds["valid"], size, batch_size, batches)

    return Machine(
        state=state,
        update=devices.compiled(update, mesh, state, first, donate=True),
        examine=examine,
        batch_at=batch_at,
        feeds=feeds,
        validate=validate if "valid" in pictures.splits else None,
        plan=plan,
        schedule=schedule,
        task=task,
        augment=augment,
        answer=make_answer(network, dtype=dtype),
        maps=make_maps(network, task),
        parameters={"total": total, "trainable": trainable},
    )
