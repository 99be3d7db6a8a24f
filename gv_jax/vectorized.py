"""Several runs at once in one program: `python -m gv_jax.vectorized RUN --and RUN …`, each as told to gv_jax.main.

    python -m gv_jax.vectorized --workdir=runs/a --config=configs/quickstart.py --config.seed=0 --and \\
        --workdir=runs/b --config=configs/quickstart.py --config.seed=1

Runs that differ in numbers only (VARIED) are trained together, those that do not one after the other. Each leaves the
run folder that it would have left by itself, and goes on where it was cut off, together or alone.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import optax
from absl import flags
from absl.logging import WARNING, set_verbosity
from ml_collections import config_flags

from gv_jax import distributed, experiment
from gv_jax.assembly import Runtime, TrainSetup, init_train_setup, setup
from gv_jax.cli.flags import echo, exit_with_error
from gv_jax.config import default
from gv_jax.config.validate import validate
from gv_jax.errors import UserError
from gv_jax.experiment import evaluate_and_report, summary_line
from gv_jax.settings import (
    DTYPES,
    Config,
    load_dataset,
    make_augmentation,
    make_optimizer,
    resolve_config,
)
from gv_jax.training.checkpoint import Checkpoints
from gv_jax.training.fit import InterruptedRun, RunTracker
from gv_jax.training.population import HParams, fit_population, make_vmapped_train_step, tree_stack
from gv_jax.training.run_dir import RunDir, flatten
from gv_jax.training.timer import Timer, explain_oom

VMAPPED_FIELDS = (
    "seed",
    "optimizer.learning_rate",
    "optimizer.weight_decay",
    "model.dropout",
    "augment.label_smoothing",
)
SEPARATOR = "--and"


@dataclass(frozen=True)
class Member:
    """A run with its configuration. arguments: what gv_jax.main would be told."""

    config: Config
    workdir: Path
    arguments: Sequence[str]

    @property
    def folder(self) -> RunDir:
        return RunDir(self.workdir)

    @property
    def kind(self) -> str:
        """The same for runs that can be trained together: all but the numbers, and where they are to go on.

        Weight decay must be on in all or off in all, which shapes the optimizer's state. A run that may stop early
        has a kind of its own, as has a probe, which takes no steps.
        """
        fields = {
            name: value
            for name, value in flatten(self.config.to_dict()).items()
            if name not in VMAPPED_FIELDS
        }
        fields["decays"] = self.config.optimizer.weight_decay > 0
        fields["at"] = latest_step(self.folder)
        if self.config.finetune.stage_lrs:  # of stages, which do not follow the optimizer's
            fields["rate"] = self.config.optimizer.learning_rate
        if self.config.train.patience or self.config.probe.method:
            fields["alone"] = str(self.workdir)
        return repr(sorted(fields.items()))


def latest_step(folder: RunDir) -> int:
    """The step of the newest checkpoint; 0 without one."""
    if not folder.checkpoints.is_dir():
        return 0
    with Checkpoints(folder.checkpoints) as checkpoints:
        return checkpoints.latest or 0


def run_vectorized(members: Sequence[Member]) -> list[str]:
    """Trains, evaluates and reports `members`; a line on each that is finished, or on why it is not.

    UserError for what a person can mend, Interrupted when SIGTERM or Ctrl-C ended it.
    """
    members = [replace(member, config=resolve_config(member.config)) for member in members]
    said, kinds = {}, {}
    for number, member in enumerate(members):
        validate(member.config)
        member.folder.check(member.config.to_dict(), resolve_config(default.get_config()).to_dict())
        if member.folder.finished:
            said[number] = f"finished already, nothing to do: {summary_line(member.folder)}"
        else:
            kinds.setdefault(member.kind, []).append(number)
    for numbers in kinds.values():
        group = [members[number] for number in numbers]
        found = (
            train_group(group)
            if len(group) > 1
            else [experiment.run(group[0].config, group[0].workdir)]
        )
        said |= zip(numbers, found, strict=True)
    return [said[number] for number in range(len(members))]


def train_group(group: Sequence[Member]) -> list[str]:
    """The same for runs of one kind, in one program."""
    first = group[0].config
    clock = Timer()
    with explain_oom(len(group) * first.train.batch_size):
        pictures = load_dataset(first)
        clock.lap("data_s")
        learner, machine = setup(first, pictures)
        others = (
            init_train_setup(member.config, pictures, machine.task, machine.plan, machine.mesh)
            for member in group[1:]
        )
        learners = [learner, *others]
        batch_at = machine.batches(*(member.config.seed for member in group))
        states = [learner.state for learner in learners]
        numbers = distributed.replicate(
            stack_hparams([member.config for member in group], learners), machine.mesh
        )
        whole = distributed.replicate(tree_stack(states), machine.mesh)
        step = make_vmapped_step(first, learner, machine)
        step = distributed.aot_compile(step, machine.mesh, whole, batch_at(0), numbers, donate=True)
        clock.lap("compile_s")
        trainings = []
        for place, (member, learner) in enumerate(zip(group, learners, strict=True)):
            member.folder.open(member.config.to_dict(), member.arguments)
            shown = place == 0
            trainings.append(
                RunTracker(machine.plan, member.folder, machine.validate, learner.schedule, shown)
            )
        found = fit_population(
            states, lambda state, batch: step(state, batch, numbers), batch_at, trainings
        )
        clock.lap("train_s")
        said = []
        for member, learner, outcome in zip(group, learners, found, strict=True):
            if isinstance(outcome, UserError):
                said.append(f"{member.workdir}: {outcome}")
                continue
            best, progress = outcome
            own = clock.fork()
            own.laps["train_s"] = progress.seconds
            training = {**progress.steps, "together": len(group)}
            evaluate_and_report(
                member.config, pictures, learner, machine, best, training, member.folder, own
            )
            said.append(summary_line(member.folder))
    return said


def make_vmapped_step(config: Config, learner: TrainSetup, machine: Runtime) -> Callable[..., Any]:
    """The training step of all, which differ from `config` and its `learner` in their numbers only."""
    decays = config.optimizer.weight_decay > 0

    def optimizer(weight_decay: Any) -> optax.GradientTransformation:
        return make_optimizer(
            config.optimizer,
            machine.plan,
            weight_decay=weight_decay if decays else 0.0,
            tuning=learner.tuning,
        )[0]

    return make_vmapped_train_step(
        learner.network,
        machine.trained,
        optimizer,
        make_augmentation(config, but=["label_smoothing"]),
        ema_decay=config.train.ema,
        dtype=DTYPES[config.model.dtype],
    )


def stack_hparams(configs: Sequence[Config], learners: Sequence[TrainSetup]) -> HParams:
    """What tells them apart."""
    first = configs[0].optimizer.learning_rate
    return HParams(
        seed=jnp.array([config.seed for config in configs], jnp.uint32),
        learning_rate=jnp.array(
            [config.optimizer.learning_rate / first for config in configs], jnp.float32
        ),
        weight_decay=jnp.array([config.optimizer.weight_decay for config in configs], jnp.float32),
        label_smoothing=jnp.array(
            [config.augment.label_smoothing for config in configs], jnp.float32
        ),
        noise=tree_stack([learner.network.noise for learner in learners]),
    )


def parse_runs(words: Sequence[str]) -> list[Member]:
    """The runs that a command line asks for, parted by SEPARATOR. UserError for what none of them can be."""
    members = []
    for arguments in split_args(words):
        line, values = ["together", *arguments], flags.FlagValues()
        config_flags.DEFINE_config_file("config", None, flag_values=values, sys_argv=line)
        flags.DEFINE_string("workdir", "", "Folder of the run.", flag_values=values)
        try:
            rest = values(line)
            config = values.config and values.config.copy_and_resolve_references()
        except (flags.Error, AttributeError, KeyError, OSError) as error:
            raise UserError(f"{' '.join(arguments)}: {error}") from error
        if rest[1:] or not values.workdir or config is None:
            raise UserError(
                f"{' '.join(arguments)}: each run takes --workdir=DIR --config=FILE [--config.x.y=VALUE …]"
            )
        members.append(Member(config, Path(values.workdir), arguments))
    if len({member.workdir.resolve() for member in members}) < len(members):
        raise UserError("two runs have the same --workdir")
    return members


def split_args(words: Sequence[str]) -> list[list[str]]:
    """`words` between the separators."""
    parts: list[list[str]] = [[]]
    for word in words:
        if word == SEPARATOR:
            parts.append([])
        else:
            parts[-1].append(word)
    return parts


def run_vectorized_command(words: Sequence[str]) -> None:
    set_verbosity(WARNING)  # JAX tells at INFO which accelerators it did not find
    try:
        for line in run_vectorized(parse_runs(words)):
            echo(line)
    except InterruptedRun as stop:
        echo(f"{stop}; everything is saved: the same command goes on from there")
    except UserError as error:
        exit_with_error(error)


if __name__ == "__main__":
    run_vectorized_command(sys.argv[1:])
