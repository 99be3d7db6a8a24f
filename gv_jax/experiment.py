"""One run, from images to report."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.sharding import Mesh

from gv_jax import distributed, processes
from gv_jax.config.default import Config
from gv_jax.config.resolve import resolve, resolved_defaults
from gv_jax.config.validate import validate
from gv_jax.data.arrays import Dataset
from gv_jax.data.augment.tta import tta_transforms
from gv_jax.data.dataset import prepare_builder
from gv_jax.data.sampling import make_sampler
from gv_jax.errors import UserError
from gv_jax.evaluation.evaluator import Runtime, make_evaluator
from gv_jax.inference.initial_run import build_initial_model, record_initial_weights
from gv_jax.probe_run import divide_split, probe_split
from gv_jax.run_data import (
    REJECT,
    REJECT_CHANGES,
    DataPolicy,
    describe_present_data,
)
from gv_jax.run_processes import check_same_program, load_same_data
from gv_jax.run_report import Fitted, Session, evaluate_and_report
from gv_jax.tasks.generation import SAMPLING_FIELDS
from gv_jax.tasks.registry import TASKS
from gv_jax.tasks.run_task import RunTask
from gv_jax.training.calls import compile_calls, limit_steps_per_call
from gv_jax.training.checkpoint import Checkpoints
from gv_jax.training.fit import LoopConfig, RunTracker, fit
from gv_jax.training.hold_run import hold_run, is_finished
from gv_jax.training.run_dir import RunDir
from gv_jax.training.step import make_train_step
from gv_jax.training.timer import Timer
from gv_jax.training.train_setup import TrainSetup, init_train_setup

LOGGER = logging.getLogger(__name__)


def run(
    config: Config,
    workdir: Path,
    policy: DataPolicy = REJECT_CHANGES,
    announce: Callable[[Config, RunDir], None] = lambda config, run_dir: None,
) -> str:
    """Trains, evaluates and reports `config` in `workdir`; returns one line on the outcome.

    An interrupted run is resumed; a finished one is left unchanged.

    Args:
        config: Of the run.
        workdir: The run directory.
        policy: What to do on changed data.
        announce: Gets the resolved configuration once it is valid, and the run directory.

    Raises:
        UserError: What a person can correct.
        InterruptedRun: A signal ended it, and its state is saved.
    """
    config = validate(resolve(config))
    check_same_program(config)
    run_dir = RunDir(workdir, processes.is_primary())
    run_dir.check_same_config(config.to_dict(), resolved_defaults())
    announce(config, run_dir)
    if is_finished(run_dir):
        if processes.is_primary():
            note_changed_data(config, run_dir, policy)
            processes.publish("noted")
        else:
            processes.wait_for("noted")
        return f"already finished: {run_dir.outcome}"
    with hold_run(workdir, config.train.batch_size) as held:
        if not is_finished(run_dir, "held"):  # by another process, meanwhile
            timer = Timer()
            data = load_same_data(config, run_dir, policy, training=True)
            timer.lap("data_s")
            session = Session(run_dir, data, timer, held)
            setup, runtime = prepare(config, data.dataset)
            fit_weights = fit_linear_probe if config.probe.method else train
            fitted = fit_weights(config, setup, runtime, session)
            session.timer.lap("train_s")
            session.timer.laps["train_s"] = fitted.seconds
            evaluate_and_report(config, setup, runtime, fitted, session)
    return run_dir.outcome


def note_changed_data(config: Config, run_dir: RunDir, policy: DataPolicy) -> None:
    """Logs how the data changed since the run finished, unless `policy` is to leave that out."""
    if policy.on_changed != REJECT:
        return
    if text := describe_present_data(config, run_dir):
        LOGGER.warning(
            "%s is finished, and %s. Give another --workdir to train on the present data",
            run_dir.path,
            text,
        )


def evaluate(config: Config, workdir: Path, policy: DataPolicy = REJECT_CHANGES) -> str:
    """Evaluates and reports the finished run of `config` in `workdir` again; as `run`.

    config.tta and the fields of config.generation that only sampling uses may differ from those of
    the run.
    """
    config = validate(resolve(config))
    check_same_program(config)
    run_dir = RunDir(workdir, processes.is_primary())
    if not is_finished(run_dir):
        raise UserError(f"{workdir} holds no finished run: train it first, without --mode=evaluate")
    run_dir.check_same_config(restore_trained(config, run_dir.config), resolved_defaults())
    before = run_dir.results or {}
    with hold_run(workdir, config.train.batch_size) as held:
        data = load_same_data(config, run_dir, policy, training=False)
        session = Session(run_dir, data, Timer(), held)
        setup, runtime = prepare(config, data.dataset)
        with Checkpoints(run_dir.checkpoints) as checkpoints:
            _, best, _ = checkpoints.restore(setup.state)
        timing = before["timing"]
        session.timer.laps = {part: timing[part] for part in ("data_s", "compile_s", "train_s")}
        session.timer.waiting = {part: timing[part] for part in ("data_wait_s",) if part in timing}
        fitted = Fitted(best, before["training"], timing["train_s"])
        evaluate_and_report(config, setup, runtime, fitted, session)
    return run_dir.outcome


def restore_trained(config: Config, trained: Mapping[str, Any]) -> dict[str, Any]:
    """`config`, but what does not affect training as in the config of a run, if it is there."""
    values = config.to_dict()
    sampling = {name: values["generation"][name] for name in SAMPLING_FIELDS}
    recorded = trained.get("generation", {})
    values["generation"] |= {name: recorded.get(name, sampling[name]) for name in sampling}
    return {**values, "tta": trained.get("tta", values["tta"])}


def prepare(config: Config, dataset: Dataset) -> tuple[TrainSetup, Runtime]:
    """Builds all that training and evaluation need; compiles the evaluation."""
    distributed.enable_compilation_cache(Path(config.data.root) / "compiled")
    mesh = distributed.data_mesh()
    distributed.check_batch_size(config.train.batch_size, mesh)
    task = TASKS[config.task].from_config(config, dataset)
    splits, labels = dataset.splits, np.asarray(dataset.splits["train"].labels)
    loop = LoopConfig.from_section(config.train, len(labels), task.monitor, "valid" in splits)
    size = splits["train"].images.shape[1:3]
    setup = init_setup(config, task, dataset.classes, size, loop, mesh)
    evaluator = make_evaluator(
        setup.network,
        task,
        setup.state,
        splits,
        mesh,
        transforms=tta_transforms(**config.tta),
        batch_size=config.train.batch_size,
        valid_batches=config.train.valid_batches,
        device_cache_mb=config.train.device_cache_mb,
        read_threads=config.train.read_threads,
        prefetch=config.train.prefetch,
        dtype=jnp.dtype(config.model.dtype),
    )
    train_task = task.with_training_loss(config.loss, labels)
    sampler = make_sampler(config.train.sampling, labels)
    return setup, Runtime(dataset, task, train_task, sampler, loop, mesh, evaluator)


def init_setup(
    config: Config,
    task: RunTask,
    classes: Sequence[str],
    size: tuple[int, int],
    loop: LoopConfig,
    mesh: Mesh,
) -> TrainSetup:
    """The network of `config` for images of `size` (height, width), before its first step."""
    shard_state = config.train.shard_state

    def build() -> nnx.Module:
        return build_initial_model(config, task.outputs, classes, size)

    return init_train_setup(
        distributed.build_on_host(build) if shard_state else build(),
        config.model.name,
        loop,
        mesh,
        optimizer=config.optimizer,
        finetune=config.finetune,
        augment=config.augment,
        ema=config.train.ema > 0,
        probe=bool(config.probe.method),
        shard_state=shard_state,
    )


def train(config: Config, setup: TrainSetup, runtime: Runtime, session: Session) -> Fitted:
    """Trains step by step, or several steps in a call."""
    get_batch = runtime.evaluator.get_batch["train"]
    loop = limit_steps_per_call(runtime.loop, get_batch, runtime.mesh)
    train_step = make_train_step(
        setup.network,
        runtime.train_task,
        setup.optimizer,
        setup.augment,
        seed=config.seed,
        ema_decay=config.train.ema,
        dtype=jnp.dtype(config.model.dtype),
    )
    call, get_inputs = compile_calls(
        train_step, setup.state, get_batch, runtime.indices_at(config.seed), loop, runtime.mesh
    )
    session.timer.lap("compile_s")
    weights = record_initial_weights(config.model)
    session.run_dir.open(config.to_dict(), session.data.record, weights=weights)
    tracker = RunTracker(loop, session.run_dir, runtime.validate, setup.schedule, session.lease)
    processes.meet("compiled")
    best, progress = fit(setup.state, call, get_inputs, tracker)
    session.timer.waiting["data_wait_s"] = progress.wait_seconds
    return Fitted(best, dict(progress.steps), progress.seconds)


def fit_linear_probe(
    config: Config, setup: TrainSetup, runtime: Runtime, session: Session
) -> Fitted:
    """Fits the classifier layer in closed form, or by logistic regression."""
    session.timer.lap("compile_s")
    group_of = prepare_builder(session.data.section).group_of
    folds = divide_split(config, runtime, group_of)  # may be rejected: before the run begins
    weights = record_initial_weights(config.model)
    session.run_dir.open(config.to_dict(), session.data.record, weights=weights)
    best, progress, facts = probe_split(config, setup, runtime, session.run_dir, folds)
    return Fitted(best, {**progress.steps, **facts}, progress.seconds)
