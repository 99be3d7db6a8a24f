"""Optimizers and learning-rate schedules: from the fields of config.optimizer to Optax."""

import jax
import jax.numpy as jnp
import optax
from optax import GradientTransformation, contrib

from gv_jax.errors import UserError, unknown
from gv_jax.training.finetune import FinetuneSpec, Schedule, per_stage_optimizer


def make_adam(
    learning_rate: Schedule, weight_decay: GradientTransformation, momentum: float
) -> GradientTransformation:
    """Adam with betas 0.9 and 0.999, eps 1e-8; weight decay is L2 added to the gradient.

    Kingma and Ba 2015.
    """
    return optax.chain(
        weight_decay, optax.scale_by_adam(), optax.scale_by_learning_rate(learning_rate)
    )


def make_adamw(
    learning_rate: Schedule, weight_decay: GradientTransformation, momentum: float
) -> GradientTransformation:
    """Adam with decoupled weight decay; Loshchilov and Hutter 2019."""
    return optax.chain(
        optax.scale_by_adam(), weight_decay, optax.scale_by_learning_rate(learning_rate)
    )


def make_sgd(
    learning_rate: Schedule, weight_decay: GradientTransformation, momentum: float
) -> GradientTransformation:
    """SGD with momentum (0: none); weight decay is L2 added to the gradient."""
    velocity = optax.trace(momentum) if momentum else optax.identity()
    return optax.chain(weight_decay, velocity, optax.scale_by_learning_rate(learning_rate))


def make_muon(
    learning_rate: Schedule, weight_decay: GradientTransformation, momentum: float
) -> GradientTransformation:
    """Muon: orthogonalized momentum of kernels; Adam for all other arrays; decoupled weight decay.

    Jordan et al. 2024, https://kellerjordan.github.io/posts/muon. A kernel [a b ci co] is a matrix
    of a * b * ci rows. Updates have the size of Adam's (Liu et al. 2025, arXiv:2502.16982, section
    2.2), so that one learning rate is for both.
    """
    orthogonalize = contrib.muon(
        1.0, consistent_rms=0.2, muon_weight_dimension_numbers=find_matrices
    )
    return optax.chain(
        orthogonalize,
        optax.scale(-1),  # `muon` has the sign of updates
        weight_decay,
        optax.scale_by_learning_rate(learning_rate),
    )


def find_matrices(params):
    """How each kernel is a matrix, for `contrib.muon`; None for arrays that Adam updates."""

    def as_matrix(path, leaf):
        if getattr(path[-1], "key", None) != "kernel" or leaf.ndim not in (2, 4):
            return None
        return contrib.MuonDimensionNumbers(tuple(range(leaf.ndim - 1)), leaf.ndim - 1)

    return jax.tree.map_with_path(as_matrix, params)


OPTIMIZERS = {"adam": make_adam, "adamw": make_adamw, "muon": make_muon, "sgd": make_sgd}


def constant_schedule(
    peak: float, num_updates: int, step_milestones: tuple[float, ...], step_gamma: float
) -> Schedule:
    """The peak at every update."""
    return optax.constant_schedule(peak)


def cosine_schedule(
    peak: float, num_updates: int, step_milestones: tuple[float, ...], step_gamma: float
) -> Schedule:
    """Half a cosine from the peak to 0; Loshchilov and Hutter 2017, without restarts."""
    return optax.cosine_decay_schedule(peak, num_updates)


def one_cycle_schedule(
    peak: float, num_updates: int, step_milestones: tuple[float, ...], step_gamma: float
) -> Schedule:
    """Half cosines: from peak / 25 to the peak in 30 % of the updates, then to peak / 250,000.

    Smith 2018, "A disciplined approach to neural network hyper-parameters", with the boundaries of
    PyTorch's OneCycleLR and constant momentum. `optax.cosine_onecycle_schedule` peaks one update
    later and ends one update after the training.
    """
    top, last = max(0.3 * num_updates - 1, 0), num_updates - 1

    def half_cosine(start: float, end: float, fraction: jax.Array) -> jax.Array:
        return end + (start - end) * (1 + jnp.cos(jnp.pi * jnp.clip(fraction, 0, 1))) / 2

    def schedule(update: int | jax.Array) -> jax.Array:
        update = jnp.asarray(update, jnp.float32)
        rising = half_cosine(peak / 25, peak, update / max(top, 1))
        falling = half_cosine(peak, peak / 250_000, (update - top) / max(last - top, 1))
        return jnp.where(update < top, rising, falling)

    return schedule


def step_decay(
    peak: float, num_updates: int, step_milestones: tuple[float, ...], step_gamma: float
) -> Schedule:
    """Multiplies by `step_gamma` at each of `step_milestones`, fractions of the updates.

    He et al. 2016: 0.1 at (0.5, 0.75). Milestones of a short training that fall on one update
    multiply; the dictionary of `optax.piecewise_constant_schedule` would keep one of them.
    """
    boundaries = [round(fraction * num_updates) for fraction in step_milestones]

    def schedule(update: int | jax.Array) -> float | jax.Array:
        passed = sum(jnp.asarray(update >= boundary, jnp.float32) for boundary in boundaries)
        return peak * step_gamma**passed

    return schedule


SCHEDULES = {
    "constant": constant_schedule,
    "cosine": cosine_schedule,
    "one_cycle": one_cycle_schedule,
    "step": step_decay,
}


def with_warmup(schedule: Schedule, peak: float, warmup: int) -> Schedule:
    """`warmup` updates that rise linearly from peak / (warmup + 1), then `schedule`."""
    if not warmup:
        return schedule
    rising = optax.linear_schedule(peak / (warmup + 1), peak, warmup)
    return optax.join_schedules([rising, schedule], [warmup])


def decay_mask(params):
    """True for arrays of more than one axis: weight decay spares norms and biases."""
    return jax.tree.map(lambda leaf: leaf.ndim > 1, params)


def build_optimizer(
    *,
    name: str,
    learning_rate: float,
    schedule: str,
    warmup_epochs: float,
    step_milestones: tuple[float, ...],
    step_gamma: float,
    momentum: float,
    weight_decay: float | jax.Array,
    clip_norm: float,
    grad_accum_steps: int,
    total_steps: int,
    steps_per_epoch: int,
    finetune: FinetuneSpec | None = None,
) -> tuple[GradientTransformation, Schedule]:
    """Builds the optimizer of a training.

    A step is one batch. Every `grad_accum_steps` steps make one update, from the mean of their
    gradients; steps left over at the end make none. Clipping applies to that mean, and schedules
    count updates.

    Args:
        name: in OPTIMIZERS.
        learning_rate: peak of the schedule.
        schedule: in SCHEDULES.
        warmup_epochs: of linear warm-up; 0 for "one_cycle", which has its own.
        step_milestones: of "step": fractions of the updates after the warm-up.
        step_gamma: of "step": factor at each milestone.
        momentum: of "sgd".
        weight_decay: per unit of learning rate; 0: none. An array [], which may be traced, is not
            checked.
        clip_norm: maximum global norm of the gradient; 0: none. Frozen stages have gradients of 0
            and do not count.
        grad_accum_steps: steps per update.
        total_steps: of the training.
        steps_per_epoch: steps of an epoch.
        finetune: the stages of the network that are trained differently.

    Returns:
        The transformation of gradients into updates, and the learning rate at each step.

    Raises:
        UserError: an unknown name, or a number out of its range.
    """
    if name not in OPTIMIZERS:
        raise unknown("optimizer", name, OPTIMIZERS)
    if schedule not in SCHEDULES:
        raise unknown("schedule", schedule, SCHEDULES)
    inf = float("inf")
    is_fraction = [0 < fraction < 1 for fraction in step_milestones]
    is_static = isinstance(weight_decay, int | float)
    is_decay = not is_static or 0 <= weight_decay < inf
    is_count = 1 <= grad_accum_steps <= total_steps
    check_optimizer("learning_rate", learning_rate, 0 < learning_rate < inf, "above 0")
    check_optimizer(
        "step_milestones", step_milestones, all(is_fraction), "fractions between 0 and 1"
    )
    check_optimizer("step_gamma", step_gamma, 0 < step_gamma <= 1, "above 0 and at most 1")
    check_optimizer("momentum", momentum, 0 <= momentum < 1, "at least 0 and below 1")
    check_optimizer("weight_decay", weight_decay, is_decay, "at least 0")
    check_optimizer("clip_norm", clip_norm, 0 <= clip_norm < inf, "at least 0")
    check_optimizer("grad_accum_steps", grad_accum_steps, is_count, f"1 to {total_steps} steps")
    num_updates, warmup_steps = total_steps // grad_accum_steps, warmup_epochs * steps_per_epoch
    max_warmup = 0 if schedule == "one_cycle" else (num_updates - 1) * grad_accum_steps
    check_optimizer(
        "warmup_epochs",
        warmup_epochs,
        0 <= round(warmup_steps) <= max_warmup,
        f"0 to {max_warmup / steps_per_epoch:g} epochs with the schedule {schedule!r}",
    )

    warmup = -(-round(warmup_steps) // grad_accum_steps)
    after_warmup = SCHEDULES[schedule](
        learning_rate, num_updates - warmup, step_milestones, step_gamma
    )
    rate = with_warmup(after_warmup, learning_rate, warmup)
    no_decay = is_static and not weight_decay
    decay = optax.identity() if no_decay else optax.add_decayed_weights(weight_decay, decay_mask)
    clip = optax.clip_by_global_norm(clip_norm) if clip_norm else optax.identity()

    def base(rate: Schedule) -> GradientTransformation:
        return OPTIMIZERS[name](rate, decay, momentum)

    if finetune is not None and finetune.specs:
        update = per_stage_optimizer(base, rate, finetune, grad_accum_steps)
    else:
        update = base(rate)
    transform = optax.chain(clip, update)
    if grad_accum_steps > 1:
        transform = optax.MultiSteps(transform, grad_accum_steps).gradient_transformation()
    return transform, lambda step: rate(step // grad_accum_steps)


def check_optimizer(field: str, value: object, is_valid: bool, valid_range: str) -> None:
    """Raises UserError unless the value of config.optimizer.`field` is valid."""
    if not is_valid:
        raise UserError(f"config.optimizer.{field}={value} is out of range: give {valid_range}")
