"""Fine-tuning stage by stage: which stages learn, from when on, and how fast."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from optax import GradientTransformation

from gv_jax.errors import UserError, unknown
from gv_jax.models.transfer import Parts, stages
from gv_jax.training.step import Held

Schedule = Callable[[Any], Any]  # from a count, an int or an array, to the learning rate there


class Tier(NamedTuple):
    """What a stage is allowed. rate: its learning rate as a share of the optimizer's. start: the step, from 0, of its
    first update; None where it never learns."""

    rate: float
    start: int | None


def tiers(
    stages: Sequence[str],
    *,
    freeze: Sequence[str],
    trained: int,
    rates: Sequence[float],
    layer_decay: float,
    thaw: Sequence[float],
    learning_rate: float,
    total_steps: int,
    steps_per_epoch: int,
    accumulate: int,
) -> dict[str, Tier]:
    """stage -> what it is allowed; `stages` go from the stem to the head.

    Args:
        freeze: stages that never learn.
        trained: so many of the last stages learn, and no others; 0: all.
        rates: learning rates of the last stages, the head's first; those before them have the last number. Yosinski
            et al. 2014 and Howard & Ruder 2018 (arXiv:1801.06146, "discriminative fine-tuning") say why.
        layer_decay: instead of `rates`: each stage learns this many times as fast as the one behind it; 1 is off.
        thaw: epochs from which on the last stages learn, the head's first; those before them have the last number.
        learning_rate: the optimizer's, which `rates` are told as shares of.

    Raises:
        UserError: a stage that there is not, a number out of its range, or nothing left to train.
    """
    for name in freeze:
        if name not in stages:
            raise unknown("stage (config.finetune.freeze)", str(name), stages)
    check("trained", trained, 0 <= trained <= len(stages), f"0 to {len(stages)}, the stages that there are")
    check("rates", rates, all(0 < rate < float("inf") for rate in rates), "numbers above 0")
    check("layer_decay", layer_decay, 0 < layer_decay <= 1, "above 0, at most 1; 1 is off")
    check("thaw", thaw, all(epoch >= 0 for epoch in thaw) and list(thaw) == sorted(thaw), "epochs that do not fall")
    for field, numbers in (("rates", rates), ("thaw", thaw)):
        check(field, numbers, len(numbers) <= len(stages), f"at most {len(stages)} numbers, one for each stage")
    if rates and layer_decay != 1:
        raise UserError("config.finetune: give rates or layer_decay, not both")
    found = {}
    for depth, stage in enumerate(reversed(stages)):
        rate = at(rates, depth) / learning_rate if rates else layer_decay**depth
        start = round(at(thaw, depth) * steps_per_epoch) if thaw else 0
        start = -(-start // accumulate) * accumulate  # an update sees no batch from before
        frozen = stage in freeze or 0 < trained <= depth
        if not frozen and start >= total_steps:
            raise UserError(
                f"config.finetune.thaw={tuple(thaw)}: stage {stage!r} would begin to learn at step {start} of "
                f"{total_steps}: train longer, or say that it is frozen with --config.finetune.freeze"
            )
        found[stage] = Tier(rate, None if frozen else start)
    if all(tier.start is None for tier in found.values()):
        raise UserError("config.finetune freezes every stage: nothing is left to train")
    return {stage: found[stage] for stage in stages}


@dataclass(frozen=True)
class Tuning:
    """The stages of a network (see `models.transfer`) and what each of them is allowed; both empty where it is
    trained as one."""

    parts: Parts
    tiers: Mapping[str, Tier]

    @property
    def held(self) -> tuple[Held, ...]:
        """What the step has to hold still, some of it for a while only."""
        return tuple(Held(self.parts[stage], tier.start) for stage, tier in self.tiers.items() if tier.start != 0)

    @property
    def frozen(self) -> tuple[str, ...]:
        """The modules that never learn."""
        return tuple(module for part in self.held if part.until is None for module in part.modules)

    def stages(self, params: Any) -> Any:
        """The stage of every array."""
        return stages(params, self.parts)


def at(numbers: Sequence[float], place: int) -> float:
    """The number at `place`, or the last one before it."""
    return numbers[min(place, len(numbers) - 1)]


def tiered(
    base: Callable[[Schedule], GradientTransformation],
    rate: Schedule,
    tuning: Tuning,
    accumulate: int = 1,
) -> GradientTransformation:
    """An optimizer of its own for every stage, all on the schedule `rate` of the whole training.

    base: from a schedule to a transformation that begins to count at 0. `accumulate` steps make an update. What never
    learns has no state and gets updates of exactly 0. What learns from a later step on gets them until then, and
    begins there as at the start of a training: with moments of 0 and the bias correction of a first step. Gradients
    from before count for nothing.
    """

    def of(tier: Tier) -> GradientTransformation:
        if tier.start is None:
            return optax.set_to_zero()
        first = tier.start // accumulate
        own = base(lambda count: tier.rate * rate(count + first))
        return waiting(own, first) if first else own

    return optax.partition({stage: of(tier) for stage, tier in tuning.tiers.items()}, tuning.stages)


class Waiting(NamedTuple):
    """count: int32 [], updates asked for. inner: the state of what is waited with."""

    count: Any
    inner: Any


def waiting(inner: GradientTransformation, turns: int) -> GradientTransformation:
    """Nothing but zeros so many times, then `inner` from its start."""

    def init(params: Any) -> Waiting:
        return Waiting(jnp.zeros((), jnp.int32), inner.init(params))

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        awake = state.count >= turns
        moved, after = inner.update(updates, state.inner, params)
        moved = jax.tree.map(lambda leaf: jnp.where(awake, leaf, jnp.zeros_like(leaf)), moved)
        kept = jax.tree.map(lambda new, old: jnp.where(awake, new, old), after, state.inner)
        return moved, Waiting(optax.safe_increment(state.count), kept)

    return GradientTransformation(init, update)


def check(field: str, value: object, valid: bool, meant: str) -> None:
    if not valid:
        raise UserError(f"config.finetune.{field}={value} is out of range: {meant}")
