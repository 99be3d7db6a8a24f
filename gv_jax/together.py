"""Several runs at once in one program: `python -m gv_jax.together RUN --and RUN …`, each as told to gv_jax.main.

    python -m gv_jax.together --workdir=runs/a --config=configs/quickstart.py --config.seed=0 --and \\
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

from configs import base
from gv_jax import experiment
from gv_jax.assembly import Learner, Machine, assemble, begin
from gv_jax.checks import check
from gv_jax.command_line import fail, say
from gv_jax.errors import UserError
from gv_jax.experiment import conclude, headline
from gv_jax.settings import DTYPES, Config, make_augmentation, make_optimizer, open_dataset, resolved
from gv_jax.training import devices
from gv_jax.training.checkpoint import Checkpoints
from gv_jax.training.clock import Clock, advice_on_memory
from gv_jax.training.fit import Interrupted, Training
from gv_jax.training.population import Numbers, fit_population, make_population_update, stack
from gv_jax.training.run_folder import RunFolder, flat

VARIED = (
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
    def folder(self) -> RunFolder:
        return RunFolder(self.workdir)

    @property
    def kind(self) -> str:
        """The same for runs that can be trained together: all but the numbers, and where they are to go on.

        Weight decay must be on in all or off in all, which shapes the optimizer's state. A run that may stop early
        has a kind of its own, as has a probe, which takes no steps.
        """
        fields = {name: value for name, value in flat(self.config.to_dict()).items() if name not in VARIED}
        fields["decays"] = self.config.optimizer.weight_decay > 0
        fields["at"] = reached(self.folder)
        if self.config.finetune.rates:  # of stages, which do not follow the optimizer's
            fields["rate"] = self.config.optimizer.learning_rate
        if self.config.train.patience or self.config.probe.method:
            fields["alone"] = str(self.workdir)
        return repr(sorted(fields.items()))


def reached(folder: RunFolder) -> int:
    """The step of the newest checkpoint; 0 without one."""
    if not folder.checkpoints.is_dir():
        return 0
    with Checkpoints(folder.checkpoints) as checkpoints:
        return checkpoints.latest or 0


def run(members: Sequence[Member]) -> list[str]:
    """Trains, evaluates and reports `members`; a line on each that is finished, or on why it is not.

    UserError for what a person can mend, Interrupted when SIGTERM or Ctrl-C ended it.
    """
    members = [replace(member, config=resolved(member.config)) for member in members]
    said, kinds = {}, {}
    for number, member in enumerate(members):
        check(member.config)
        member.folder.check(member.config.to_dict(), resolved(base.get_config()).to_dict())
        if member.folder.finished:
            said[number] = f"finished already, nothing to do: {headline(member.folder)}"
        else:
            kinds.setdefault(member.kind, []).append(number)
    for numbers in kinds.values():
        group = [members[number] for number in numbers]
        found = train_group(group) if len(group) > 1 else [experiment.run(group[0].config, group[0].workdir)]
        said |= zip(numbers, found, strict=True)
    return [said[number] for number in range(len(members))]


def train_group(group: Sequence[Member]) -> list[str]:
    """The same for runs of one kind, in one program."""
    first = group[0].config
    clock = Clock()
    with advice_on_memory(len(group) * first.train.batch_size):
        pictures = open_dataset(first)
        clock.lap("data_s")
        learner, machine = assemble(first, pictures)
        others = (begin(member.config, pictures, machine.task, machine.plan, machine.mesh) for member in group[1:])
        learners = [learner, *others]
        batch_at = machine.batches(*(member.config.seed for member in group))
        states = [learner.state for learner in learners]
        numbers = devices.replicate(numbers_of([member.config for member in group], learners), machine.mesh)
        whole = devices.replicate(stack(states), machine.mesh)
        step = make_update(first, learner, machine)
        step = devices.compiled(step, machine.mesh, whole, batch_at(0), numbers, donate=True)
        clock.lap("compile_s")
        trainings = []
        for place, (member, learner) in enumerate(zip(group, learners, strict=True)):
            member.folder.open(member.config.to_dict(), member.arguments)
            shown = place == 0
            trainings.append(Training(machine.plan, member.folder, machine.validate, learner.schedule, shown))
        found = fit_population(states, lambda state, batch: step(state, batch, numbers), batch_at, trainings)
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
            conclude(member.config, pictures, learner, machine, best, training, member.folder, own)
            said.append(headline(member.folder))
    return said


def make_update(config: Config, learner: Learner, machine: Machine) -> Callable[..., Any]:
    """The training step of all, which differ from `config` and its `learner` in their numbers only."""
    decays = config.optimizer.weight_decay > 0

    def optimizer(weight_decay: Any) -> optax.GradientTransformation:
        return make_optimizer(
            config.optimizer, machine.plan, weight_decay=weight_decay if decays else 0.0, tuning=learner.tuning
        )[0]

    return make_population_update(
        learner.network,
        machine.trained,
        optimizer,
        make_augmentation(config, but=["label_smoothing"]),
        ema_decay=config.train.ema,
        dtype=DTYPES[config.model.dtype],
    )


def numbers_of(configs: Sequence[Config], learners: Sequence[Learner]) -> Numbers:
    """What tells them apart."""
    first = configs[0].optimizer.learning_rate
    return Numbers(
        seed=jnp.array([config.seed for config in configs], jnp.uint32),
        learning_rate=jnp.array([config.optimizer.learning_rate / first for config in configs], jnp.float32),
        weight_decay=jnp.array([config.optimizer.weight_decay for config in configs], jnp.float32),
        label_smoothing=jnp.array([config.augment.label_smoothing for config in configs], jnp.float32),
        noise=stack([learner.network.noise for learner in learners]),
    )


def read(words: Sequence[str]) -> list[Member]:
    """The runs that a command line asks for, parted by SEPARATOR. UserError for what none of them can be."""
    members = []
    for arguments in parted(words):
        line, values = ["together", *arguments], flags.FlagValues()
        config_flags.DEFINE_config_file("config", None, flag_values=values, sys_argv=line)
        flags.DEFINE_string("workdir", "", "Folder of the run.", flag_values=values)
        try:
            rest = values(line)
            config = values.config and values.config.copy_and_resolve_references()
        except (flags.Error, AttributeError, KeyError, OSError) as error:
            raise UserError(f"{' '.join(arguments)}: {error}") from error
        if rest[1:] or not values.workdir or config is None:
            raise UserError(f"{' '.join(arguments)}: each run takes --workdir=DIR --config=FILE [--config.x.y=VALUE …]")
        members.append(Member(config, Path(values.workdir), arguments))
    if len({member.workdir.resolve() for member in members}) < len(members):
        raise UserError("two runs have the same --workdir")
    return members


def parted(words: Sequence[str]) -> list[list[str]]:
    """`words` between the separators."""
    parts: list[list[str]] = [[]]
    for word in words:
        if word == SEPARATOR:
            parts.append([])
        else:
            parts[-1].append(word)
    return parts


def main(words: Sequence[str]) -> None:
    set_verbosity(WARNING)  # JAX tells at INFO which accelerators it did not find
    try:
        for line in run(read(words)):
            say(line)
    except Interrupted as stop:
        say(f"{stop}; everything is saved: the same command goes on from there")
    except UserError as error:
        fail(error)


if __name__ == "__main__":
    main(sys.argv[1:])
