"""Per-stage fine-tuning: frozen stages, learning rates per stage, gradual unfreezing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax.numpy as jnp
import optax
from flax import nnx
from optax import GradientTransformation

from gv_jax.errors import UserError, unknown
from gv_jax.models.stages import StageModules, label_stages, stages_of
from gv_jax.training.step import Frozen

Schedule = Callable[[Any], Any]
OFF = {
    "freeze": (),
    "last_stages": 0,
    "stage_lrs": (),
    "layer_decay": 1.0,
    "unfreeze_epochs": (),
}  # the section that trains all stages alike


class StageSpec(NamedTuple):
    """How one stage is trained.

    lr_scale: factor on the learning rate. start_step: the first trained step; None: never trained.
    """

    lr_scale: float
    start_step: int | None


def is_finetuned(section: Mapping[str, Any]) -> bool:
    """Whether the section `finetune` treats some stages differently from others."""
    return any(section[name] != value for name, value in OFF.items())


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
    """Stage -> how it is trained.

    Args:
        stages: names, from the stem to the head.
        freeze: stages that are never trained.
        last_stages: train only the last n stages; 0: all.
        stage_lrs: learning rates of the last stages, the head's first; the last one repeats.
            Yosinski et al. 2014; Howard & Ruder 2018 (arXiv:1801.06146).
        layer_decay: instead of `stage_lrs`: factor on the learning rate from each stage to the one
            before it; 1 is off.
        unfreeze_epochs: first trained epochs of the last stages, the head's first; the last one
            repeats.
        learning_rate: of the optimizer.
        total_steps: of the training.
        steps_per_epoch: of the training.
        grad_accum_steps: batches per update; a stage starts at a multiple of it.

    Raises:
        UserError: an unknown stage, a number out of range, or no stage left to train.
    """
    for name in freeze:
        if name not in stages:
            raise unknown("stage (config.finetune.freeze)", str(name), stages)
    count = len(stages)
    lrs_valid = all(0 < rate < float("inf") for rate in stage_lrs)
    epochs_valid = (
        list(unfreeze_epochs) == sorted(unfreeze_epochs) and min(unfreeze_epochs, default=0) >= 0
    )
    check_finetune("last_stages", last_stages, 0 <= last_stages <= count, f"0 to {count} stages")
    check_finetune("stage_lrs", stage_lrs, lrs_valid, "numbers above 0")
    check_finetune("layer_decay", layer_decay, 0 < layer_decay <= 1, "above 0, at most 1; 1 is off")
    check_finetune("unfreeze_epochs", unfreeze_epochs, epochs_valid, "epochs in ascending order")
    for field, numbers in (("stage_lrs", stage_lrs), ("unfreeze_epochs", unfreeze_epochs)):
        check_finetune(field, numbers, len(numbers) <= count, f"at most {count} numbers")
    if stage_lrs and layer_decay != 1:
        raise UserError("config.finetune: set stage_lrs or layer_decay, not both")
    specs = {}
    for depth, stage in enumerate(reversed(stages)):
        if stage_lrs:
            lr_scale = nth_or_last(stage_lrs, depth) / learning_rate
        else:
            lr_scale = layer_decay**depth
        epoch = nth_or_last(unfreeze_epochs, depth) if unfreeze_epochs else 0
        start = -(-round(epoch * steps_per_epoch) // grad_accum_steps) * grad_accum_steps
        frozen = stage in freeze or 0 < last_stages <= depth
        if not frozen and start >= total_steps:
            raise UserError(
                f"config.finetune.unfreeze_epochs={tuple(unfreeze_epochs)}: stage {stage!r} starts "
                f"at step {start} of {total_steps}; train longer, or freeze it with "
                "--config.finetune.freeze"
            )
        specs[stage] = StageSpec(lr_scale, None if frozen else start)
    if all(spec.start_step is None for spec in specs.values()):
        raise UserError("config.finetune freezes every stage: nothing is left to train")
    return {stage: specs[stage] for stage in stages}


@dataclass(frozen=True)
class FinetuneSpec:
    """The stages of a network and how each is trained; both empty if all are trained alike."""

    stages: StageModules
    specs: Mapping[str, StageSpec]

    @staticmethod
    def from_section(
        section: Mapping[str, Any], model: nnx.Module, name: str, *, probe: bool, **lengths: Any
    ) -> "FinetuneSpec":
        """From the section `finetune` of the configuration.

        Args:
            section: config.finetune.
            model: what is trained.
            name: of the model in MODELS, for error messages.
            probe: whether only the head is fitted.
            **lengths: learning_rate, total_steps, steps_per_epoch and grad_accum_steps, as of
                `make_stage_specs`.
        """
        if probe:
            stages = stages_of(model, name)
            specs = {stage: StageSpec(1.0, 0 if stage == "head" else None) for stage in stages}
            return FinetuneSpec(stages, specs)
        if not is_finetuned(section):
            return FinetuneSpec({}, {})
        stages = stages_of(model, name)
        fields = {field: section[field] for field in OFF}
        return FinetuneSpec(stages, make_stage_specs(tuple(stages), **fields, **lengths))

    @property
    def frozen(self) -> tuple[Frozen, ...]:
        """The modules that the step freezes, some of them for the first steps only."""
        return tuple(
            Frozen(self.stages[stage], spec.start_step)
            for stage, spec in self.specs.items()
            if spec.start_step != 0
        )

    @property
    def never_trained(self) -> tuple[str, ...]:
        """Dotted paths of the modules that are frozen for the whole training."""
        return tuple(
            module for part in self.frozen if part.until_step is None for module in part.modules
        )

    def label_params(self, params: Any) -> Any:
        """The stage of every array."""
        return label_stages(params, self.stages)


def nth_or_last(numbers: Sequence[float], index: int) -> float:
    """The number at `index`, or the last one before it."""
    return numbers[min(index, len(numbers) - 1)]


def per_stage_optimizer(
    base: Callable[[Schedule], GradientTransformation],
    schedule: Schedule,
    finetune: FinetuneSpec,
    grad_accum_steps: int = 1,
) -> GradientTransformation:
    """An optimizer for every stage, all on the schedule of the whole training.

    A stage that is never trained has no optimizer state and gets updates of exactly 0. A stage that
    starts later gets updates of 0 until then, and starts with moments of 0 and the bias correction
    of a first step.

    Args:
        base: from a schedule to a transformation that counts from 0.
        schedule: update -> learning rate.
        finetune: the stages and how each is trained.
        grad_accum_steps: steps per update.
    """

    def make_stage_optimizer(spec: StageSpec) -> GradientTransformation:
        if spec.start_step is None:
            return optax.set_to_zero()
        first = spec.start_step // grad_accum_steps
        own = base(lambda count: spec.lr_scale * schedule(count + first))
        if not first:
            return own
        return optax.conditionally_mask(own, lambda step, **_: jnp.asarray(step) >= first)

    optimizers: Mapping[Any, GradientTransformation] = {
        stage: make_stage_optimizer(spec) for stage, spec in finetune.specs.items()
    }
    return optax.partition(optimizers, finetune.label_params)


def check_finetune(field: str, value: object, valid: bool, expected: str) -> None:
    """Raises UserError unless the value of config.finetune.`field` is `valid`."""
    if not valid:
        raise UserError(f"config.finetune.{field}={value} is out of range: give {expected}")
