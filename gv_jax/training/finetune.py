"""Fine-tuning stage by stage: which stages learn, from when on, and how fast."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from optax import GradientTransformation

from gv_jax.errors import UserError, unknown
from gv_jax.models.stages import StageModules, label_stages
from gv_jax.training.step import Frozen

Schedule = Callable[[Any], Any]  # from a count, an int or an array, to the learning rate there


class StageSpec(NamedTuple):
    """What a stage is allowed. rate: its learning rate as a share of the optimizer's. start: the step, from 0, of its
    first update; None where it never learns."""

    rate: float
    start: int | None


def make_stage_specs(
    stages: Sequence[str],
    *,
    freeze: Sequence[str],
    last_stages: int,
    stage_lrs: Sequence[float],
    layer_decay: float,
    unfreeze_epochs: Sequence[float],
    learning_rate: float,
    total_steps: int,
    steps_per_epoch: int,
    grad_accum_steps: int,
) -> dict[str, StageSpec]:
    """stage -> what it is allowed; `stages` go from the stem to the head.

    Args:
        freeze: stages that never learn.
        trained: so many of the last stages learn, and no others; 0: all.
        rates: learning rates of the last stages, the head's first; those before them have the last number. Yosinski
            et al. 2014 and Howard & Ruder 2018 (arXiv:1801.06146, "discriminative fine-tuning") say why.
        layer_decay: instead of `rates`: each stage learns this many times as fast as the one behind it; 1 is off.
        unfreeze_epochs: epochs from which on the last stages learn, the head's first; those before them have the last number.
        learning_rate: the optimizer's, which `rates` are told as shares of.

    Raises:
        UserError: a stage that there is not, a number out of its range, or nothing left to train.
    """
    for name in freeze:
        if name not in stages:
            raise unknown("stage (config.finetune.freeze)", str(name), stages)
    check_finetune(
        "last_stages",
        last_stages,
        0 <= last_stages <= len(stages),
        f"0 to {len(stages)}, the stages that there are",
    )
    check_finetune(
        "stage_lrs",
        stage_lrs,
        all(0 < rate < float("inf") for rate in stage_lrs),
        "numbers above 0",
    )
    check_finetune("layer_decay", layer_decay, 0 < layer_decay <= 1, "above 0, at most 1; 1 is off")
    check_finetune(
        "unfreeze_epochs",
        unfreeze_epochs,
        all(epoch >= 0 for epoch in unfreeze_epochs)
        and list(unfreeze_epochs) == sorted(unfreeze_epochs),
        "epochs that do not fall",
    )
    for field, numbers in (("stage_lrs", stage_lrs), ("unfreeze_epochs", unfreeze_epochs)):
        check_finetune(
            field,
            numbers,
            len(numbers) <= len(stages),
            f"at most {len(stages)} numbers, one for each stage",
        )
    if stage_lrs and layer_decay != 1:
        raise UserError("config.finetune: give rates or layer_decay, not both")
    found = {}
    for depth, stage in enumerate(reversed(stages)):
        rate = nth_or_last(stage_lrs, depth) / learning_rate if stage_lrs else layer_decay**depth
        start = (
            round(nth_or_last(unfreeze_epochs, depth) * steps_per_epoch) if unfreeze_epochs else 0
        )
        start = (
            -(-start // grad_accum_steps) * grad_accum_steps
        )  # an update sees no batch from before
        frozen = stage in freeze or 0 < last_stages <= depth
        if not frozen and start >= total_steps:
            raise UserError(
                f"config.finetune.unfreeze_epochs={tuple(unfreeze_epochs)}: stage {stage!r} would begin to learn at step {start} of "
                f"{total_steps}: train longer, or say that it is frozen with --config.finetune.freeze"
            )
        found[stage] = StageSpec(rate, None if frozen else start)
    if all(tier.start is None for tier in found.values()):
        raise UserError("config.finetune freezes every stage: nothing is left to train")
    return {stage: found[stage] for stage in stages}


@dataclass(frozen=True)
class FinetuneSpec:
    """The stages of a network (see `models.transfer`) and what each of them is allowed; both empty where it is
    trained as one."""

    parts: StageModules
    tiers: Mapping[str, StageSpec]

    @property
    def held(self) -> tuple[Frozen, ...]:
        """What the step has to hold still, some of it for a while only."""
        return tuple(
            Frozen(self.parts[stage], tier.start)
            for stage, tier in self.tiers.items()
            if tier.start != 0
        )

    @property
    def frozen(self) -> tuple[str, ...]:
        """The modules that never learn."""
        return tuple(module for part in self.held if part.until is None for module in part.modules)

    def stages(self, params: Any) -> Any:
        """The stage of every array."""
        return label_stages(params, self.parts)


def nth_or_last(numbers: Sequence[float], place: int) -> float:
    """The number at `place`, or the last one before it."""
    return numbers[min(place, len(numbers) - 1)]


def per_stage_optimizer(
    base: Callable[[Schedule], GradientTransformation],
    rate: Schedule,
    tuning: FinetuneSpec,
    grad_accum_steps: int = 1,
) -> GradientTransformation:
    """An optimizer of its own for every stage, all on the schedule `rate` of the whole training.

    base: from a schedule to a transformation that begins to count at 0. `accumulate` steps make an update. What never
    learns has no state and gets updates of exactly 0. What learns from a later step on gets them until then, and
    begins there as at the start of a training: with moments of 0 and the bias correction of a first step. Gradients
    from before count for nothing.
    """

    def of(tier: StageSpec) -> GradientTransformation:
        if tier.start is None:
            return optax.set_to_zero()
        first = tier.start // grad_accum_steps
        own = base(lambda count: tier.rate * rate(count + first))
        return delay_updates(own, first) if first else own

    return optax.partition({stage: of(tier) for stage, tier in tuning.tiers.items()}, tuning.stages)


class DelayedState(NamedTuple):
    """count: int32 [], updates asked for. inner: the state of what is waited with."""

    count: Any
    inner: Any


def delay_updates(inner: GradientTransformation, turns: int) -> GradientTransformation:
    """Nothing but zeros so many times, then `inner` from its start."""

    def init(params: Any) -> DelayedState:
        return DelayedState(jnp.zeros((), jnp.int32), inner.init(params))

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        awake = state.count >= turns
        moved, after = inner.update(updates, state.inner, params)
        moved = jax.tree.map(lambda leaf: jnp.where(awake, leaf, jnp.zeros_like(leaf)), moved)
        kept = jax.tree.map(lambda new, old: jnp.where(awake, new, old), after, state.inner)
        return moved, DelayedState(optax.safe_increment(state.count), kept)

    return GradientTransformation(init, update)


def check_finetune(field: str, value: object, valid: bool, meant: str) -> None:
    if not valid:
        raise UserError(f"config.finetune.{field}={value} is out of range: {meant}")
