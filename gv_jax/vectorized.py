"""Several runs trained in one program: those that are equal except for VMAPPED_FIELDS.

Each leaves the run directory that it would have left by itself, and can be resumed with the others
or alone.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import optax

from gv_jax import distributed, experiment
from gv_jax.config.default import Config
from gv_jax.config.resolve import resolve, resolved_defaults
from gv_jax.config.validate import validate
from gv_jax.data.augment.augmentations import build_augmentation
from gv_jax.errors import UserError
from gv_jax.evaluation.evaluator import Runtime
from gv_jax.inference.initial_run import record_initial_weights
from gv_jax.run_data import REJECT_CHANGES, DataPolicy, load_run_data
from gv_jax.run_report import Fitted, Session, evaluate_and_report
from gv_jax.training.calls import compile_calls, limit_steps_per_call
from gv_jax.training.checkpoint import Checkpoints
from gv_jax.training.fit import RunTracker
from gv_jax.training.lease import lease
from gv_jax.training.optimizer import build_optimizer
from gv_jax.training.population import (
    HParams,
    fit_population,
    make_vmapped_train_step,
    tree_stack,
)
from gv_jax.training.run_dir import RunDir, flatten_config
from gv_jax.training.timer import Timer, explain_oom
from gv_jax.training.train_setup import TrainSetup

VMAPPED_FIELDS = (
    "seed",
    "optimizer.learning_rate",
    "optimizer.weight_decay",
    "model.dropout",
    "augment.label_smoothing",
)


@dataclass(frozen=True)
class Member:
    """One run. arguments: those of its command line. policy: see `run_data`."""

    config: Config
    workdir: Path
    arguments: tuple[str, ...]
    policy: DataPolicy = REJECT_CHANGES

    @property
    def run_dir(self) -> RunDir:
        return RunDir(self.workdir)

    @property
    def group_key(self) -> str:
        """Equal for runs that can share a program: all other fields and the step to resume at.

        Weight decay is on in all or off in all, as it shapes the optimizer state. A run that may
        stop early has a key of its own, as has a probe, which takes no steps.
        """
        fields = flatten_config(self.config.to_dict())
        key = {name: value for name, value in fields.items() if name not in VMAPPED_FIELDS}
        key["has_weight_decay"] = self.config.optimizer.weight_decay > 0
        key["step"] = latest_step(self.run_dir)
        record = self.run_dir.data_record
        key["data"] = record and hash(repr(record))
        if self.config.finetune.stage_lrs:  # which do not follow the optimizer's learning rate
            key["learning_rate"] = self.config.optimizer.learning_rate
        if self.config.train.patience or self.config.probe.method:
            key["workdir"] = str(self.workdir)
        return repr(sorted(key.items()))


def latest_step(run_dir: RunDir) -> int:
    """The step of the newest checkpoint; 0 without one."""
    if not run_dir.checkpoints.is_dir():
        return 0
    with Checkpoints(run_dir.checkpoints) as checkpoints:
        return checkpoints.latest or 0


def run_members(members: Sequence[Member]) -> list[str]:
    """Trains, evaluates and reports `members`; returns one line for each.

    Raises:
        UserError: what a person can correct.
        InterruptedRun: SIGTERM or Ctrl-C ended it; the state of every run is saved.
    """
    members = [replace(member, config=validate(resolve(member.config))) for member in members]
    lines: dict[int, str] = {}
    groups: dict[str, list[int]] = {}
    for index, member in enumerate(members):
        member.run_dir.check_same_config(member.config.to_dict(), resolved_defaults())
        if member.run_dir.finished:
            experiment.note_changed_data(member.config, member.run_dir, member.policy)
            lines[index] = f"already finished: {member.run_dir.outcome}"
        else:
            groups.setdefault(member.group_key, []).append(index)
    for indices in groups.values():
        group = [members[index] for index in indices]
        if len(group) > 1:
            lines |= zip(indices, train_group(group), strict=True)
        else:
            lines[indices[0]] = experiment.run(group[0].config, group[0].workdir, group[0].policy)
    return [lines[index] for index in range(len(members))]


def train_group(group: Sequence[Member]) -> list[str]:
    """Trains runs of one group key in one program; returns one line for each."""
    first = group[0].config
    with ExitStack() as stack, explain_oom(len(group) * first.train.batch_size):
        leases = [stack.enter_context(lease(member.workdir)) for member in group]
        timer = Timer()
        data = load_run_data(first, group[0].run_dir, group[0].policy, training=True)
        timer.lap("data_s")
        setup, runtime = experiment.prepare(first, data.dataset)
        size = data.dataset.splits["train"].images.shape[1:3]
        shared = (runtime.task, data.dataset.classes, size, runtime.loop, runtime.mesh)
        others = [experiment.init_setup(member.config, *shared) for member in group[1:]]
        setups = [setup, *others]
        get_batch = runtime.evaluator.get_batch["train"]
        loop = limit_steps_per_call(runtime.loop, get_batch, runtime.mesh)
        states = [setup.state for setup in setups]
        configs = [member.config for member in group]
        hparams = distributed.replicate(stack_hparams(configs, setups), runtime.mesh)
        stacked = distributed.replicate(tree_stack(states), runtime.mesh)
        call, get_inputs = compile_calls(
            make_vmapped_step(first, setup, runtime),
            stacked,
            get_batch,
            runtime.indices_at(*(config.seed for config in configs)),
            loop,
            runtime.mesh,
            hparams,
        )
        timer.lap("compile_s")
        trackers = []
        for member, setup, held in zip(group, setups, leases, strict=True):
            weights = record_initial_weights(member.config.model)
            member.run_dir.open(member.config.to_dict(), data.record, member.arguments, weights)
            tracker = RunTracker(
                loop,
                member.run_dir,
                runtime.validate,
                setup.schedule,
                held,
                show_progress=not trackers,
            )
            trackers.append(tracker)
        outcomes = fit_population(states, call, get_inputs, trackers)
        timer.lap("train_s")
        lines = []
        for member, setup, held, outcome in zip(group, setups, leases, outcomes, strict=True):
            if isinstance(outcome, UserError):
                lines.append(f"{member.workdir}: {outcome}")
                continue
            best, progress = outcome
            session = Session(member.run_dir, data, timer.fork(), held)
            session.timer.laps["train_s"] = progress.seconds
            session.timer.waiting["data_wait_s"] = progress.wait_seconds
            facts = {**progress.steps, "runs_in_program": len(group)}
            fitted = Fitted(best, facts, progress.seconds)
            evaluate_and_report(member.config, setup, runtime, fitted, session)
            lines.append(member.run_dir.outcome)
    return lines


def make_vmapped_step(config: Config, setup: TrainSetup, runtime: Runtime) -> Callable[..., Any]:
    """The training step of all runs, which differ from `config` in VMAPPED_FIELDS only."""
    has_weight_decay = config.optimizer.weight_decay > 0

    def make_optimizer(weight_decay: Any) -> optax.GradientTransformation:
        section = dict(config.optimizer, weight_decay=weight_decay if has_weight_decay else 0.0)
        transform, _ = build_optimizer(
            **section,
            total_steps=runtime.loop.steps,
            steps_per_epoch=runtime.loop.steps_per_epoch,
            finetune=setup.finetune,
        )
        return transform

    return make_vmapped_train_step(
        setup.network,
        runtime.train_task,
        make_optimizer,
        build_augmentation(config.augment.to_dict(), exclude=("label_smoothing",)),
        ema_decay=config.train.ema,
        dtype=jnp.dtype(config.model.dtype),
    )


def stack_hparams(configs: Sequence[Config], setups: Sequence[TrainSetup]) -> HParams:
    """The values of VMAPPED_FIELDS as arrays [m]; learning rates are relative to the first one."""
    first = configs[0].optimizer.learning_rate
    rates = [config.optimizer.learning_rate / first for config in configs]
    decays = [config.optimizer.weight_decay for config in configs]
    smoothings = [config.augment.label_smoothing for config in configs]
    return HParams(
        seed=jnp.array([config.seed for config in configs], jnp.uint32),
        learning_rate=jnp.array(rates, jnp.float32),
        weight_decay=jnp.array(decays, jnp.float32),
        label_smoothing=jnp.array(smoothings, jnp.float32),
        rng_state=tree_stack([setup.network.rng_state for setup in setups]),
    )
