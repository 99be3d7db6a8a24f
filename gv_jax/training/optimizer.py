"""Optimizers and learning rate schedules: from names and numbers to Optax."""

import jax
import jax.numpy as jnp
import optax
from optax import GradientTransformation

from gv_jax.errors import UserError, unknown
from gv_jax.training.finetune import FinetuneSpec, Schedule, per_stage_optimizer


def make_adam(
    rate: Schedule, decay: GradientTransformation, momentum: float
) -> GradientTransformation:
    """Kingma and Ba 2015, with the paper's 0.9, 0.999 and 1e-8; weight decay is L2 added to the gradient."""
    return optax.chain(decay, optax.scale_by_adam(), optax.scale_by_learning_rate(rate))


def make_adamw(
    rate: Schedule, decay: GradientTransformation, momentum: float
) -> GradientTransformation:
    """Loshchilov and Hutter 2019: Adam, with weight decay beside the gradient, times the learning rate."""
    return optax.chain(optax.scale_by_adam(), decay, optax.scale_by_learning_rate(rate))


def make_sgd(
    rate: Schedule, decay: GradientTransformation, momentum: float
) -> GradientTransformation:
    """Gradient descent with momentum (0 for none); weight decay is L2 added to the gradient."""
    velocity = optax.trace(momentum) if momentum else optax.identity()
    return optax.chain(decay, velocity, optax.scale_by_learning_rate(rate))


OPTIMIZERS = {"adam": make_adam, "adamw": make_adamw, "sgd": make_sgd}


def constant_schedule(
    peak: float, updates: int, step_milestones: tuple[float, ...], step_gamma: float
) -> Schedule:
    return optax.constant_schedule(peak)


def cosine_schedule(
    peak: float, updates: int, step_milestones: tuple[float, ...], step_gamma: float
) -> Schedule:
    """Half a cosine from the peak to 0; Loshchilov and Hutter 2017, without restarts."""
    return optax.cosine_decay_schedule(peak, updates)


def one_cycle_schedule(
    peak: float, updates: int, step_milestones: tuple[float, ...], step_gamma: float
) -> Schedule:
    """Half cosines: up from peak / 25 in 30 % of the updates, then down to peak / 250,000.

    Smith 2018, "A disciplined approach to neural network hyper-parameters", in the form of fastai and of
    PyTorch's OneCycleLR, except that momentum stays where it is.
    """
    top, last = max(0.3 * updates - 1, 0), updates - 1

    def half_cosine(start: float, end: float, share):
        return end + (start - end) * (1 + jnp.cos(jnp.pi * jnp.clip(share, 0, 1))) / 2

    def rate(step):
        step = jnp.asarray(step, jnp.float32)
        rising = half_cosine(peak / 25, peak, step / max(top, 1))
        falling = half_cosine(peak, peak / 250_000, (step - top) / max(last - top, 1))
        return jnp.where(step < top, rising, falling)

    return rate


def step_decay(
    peak: float, updates: int, step_milestones: tuple[float, ...], step_gamma: float
) -> Schedule:
    """Times `step_gamma` at each share of the updates in `step_milestones`; He et al. 2016: 0.1 at (0.5, 0.75)."""
    drops = [round(share * updates) for share in step_milestones]
    return lambda count: (
        peak * step_gamma ** sum(jnp.asarray(count >= drop, jnp.float32) for drop in drops)
    )


SCHEDULES = {
    "constant": constant_schedule,
    "cosine": cosine_schedule,
    "one_cycle": one_cycle_schedule,
    "step": step_decay,
}


def with_warmup(
    schedule: str,
    peak: float,
    updates: int,
    warmup: int,
    step_milestones: tuple[float, ...],
    step_gamma: float,
) -> Schedule:
    """`warmup` updates rise in equal steps from peak / (warmup + 1); the schedule has those that are left."""
    if schedule not in SCHEDULES:
        raise unknown("schedule", schedule, SCHEDULES)
    check_optimizer("learning_rate", peak, 0 < peak < float("inf"), "above 0")
    check_optimizer(
        "step_milestones",
        step_milestones,
        all(0 < share < 1 for share in step_milestones),
        "shares between 0 and 1",
    )
    check_optimizer("step_gamma", step_gamma, 0 < step_gamma <= 1, "above 0, at most 1")
    rest = SCHEDULES[schedule](peak, updates - warmup, step_milestones, step_gamma)
    if not warmup:
        return rest
    return optax.join_schedules(
        [optax.linear_schedule(peak / (warmup + 1), peak, warmup), rest], [warmup]
    )


def decay_mask(params):
    """True for the leaves that weight decay is for: of more than one axis, so no norms and no biases."""
    return jax.tree.map(lambda leaf: leaf.ndim > 1, params)


def build_optimizer(
    *,
    name: str,
    learning_rate: float,
    schedule: str,
    total_steps: int,
    steps_per_epoch: int,
    warmup_epochs: float,
    step_milestones: tuple[float, ...],
    step_gamma: float,
    momentum: float,
    weight_decay: float | jax.Array,
    clip_norm: float,
    grad_accum_steps: int,
    finetune: FinetuneSpec | None = None,
) -> tuple[GradientTransformation, Schedule]:
    """The transformation of gradients into updates of the weights, and the learning rate at each step.

    A step is one gradient, as the loop counts them: `total_steps`, `warmup_steps` and the argument of the
    returned schedule. Each `accumulate` steps (1 is off) make one update from the mean of their gradients;
    what is left over at the end makes none. Clipping sees that mean, and schedules advance with the updates.

    Args:
        name: in `OPTIMIZERS`.
        schedule: in `SCHEDULES`; "one_cycle" warms up by itself and takes no `warmup_steps`.
        step_milestones, step_gamma: for "step" only: shares of the run after the warm-up, and the factor at each.
        momentum: for "sgd" only.
        weight_decay: per unit of learning rate; not on norms and biases (leaves of one axis). 0 is off; an array []
            is not looked into.
        clip_norm: largest global norm of the gradient. 0 is off.
        tuning: what each stage is allowed, where that differs. The step gives gradients of 0 for stages that do not
            learn, or not yet, so that they do not count in the norm.

    Raises:
        UserError: a name in no table, or a number out of its range.
    """
    if name not in OPTIMIZERS:
        raise unknown("optimizer", name, OPTIMIZERS)
    check_optimizer("momentum", momentum, 0 <= momentum < 1, "from 0, below 1")
    fixed = isinstance(weight_decay, int | float)
    check_optimizer(
        "weight_decay", weight_decay, not fixed or 0 <= weight_decay < float("inf"), "0 or more"
    )
    check_optimizer("clip_norm", clip_norm, 0 <= clip_norm < float("inf"), "0 or more")
    check_optimizer(
        "grad_accum_steps",
        grad_accum_steps,
        1 <= grad_accum_steps <= total_steps,
        f"1 to {total_steps}, the run's steps",
    )
    warmup_steps = round(warmup_epochs * steps_per_epoch)
    updates, warmup = total_steps // grad_accum_steps, -(-warmup_steps // grad_accum_steps)
    most = 0 if schedule == "one_cycle" else (updates - 1) * grad_accum_steps
    if not 0 <= warmup_steps <= most:
        raise UserError(
            f"a warm-up of {warmup_steps} steps is out of range: 0 to {most} before {schedule}."
        )

    rate = with_warmup(schedule, learning_rate, updates, warmup, step_milestones, step_gamma)
    decay = (
        optax.identity()
        if fixed and not weight_decay
        else optax.add_decayed_weights(weight_decay, decay_mask)
    )
    clip = optax.clip_by_global_norm(clip_norm) if clip_norm else optax.identity()

    def base(rate: Schedule) -> GradientTransformation:
        return OPTIMIZERS[name](rate, decay, momentum)

    moves = (
        per_stage_optimizer(base, rate, finetune, grad_accum_steps)
        if finetune and finetune.specs
        else base(rate)
    )
    transformation = optax.chain(clip, moves)
    if grad_accum_steps > 1:
        transformation = optax.MultiSteps(
            transformation, grad_accum_steps
        ).gradient_transformation()
    return transformation, lambda step: rate(step // grad_accum_steps)


def check_optimizer(field: str, value: object, valid: bool, meant: str) -> None:
    if not valid:
        raise UserError(f"optimizer.{field}={value} is out of range: {meant}.")
