"""What no run can be: values of a configuration that are not valid, or do not go together, told in one line each."""

import math

from flax import nnx

from gv_jax import models
from gv_jax.data import dataset, transforms
from gv_jax.data.augment import augmentations as augmentation
from gv_jax.data.splits import kfold
from gv_jax.errors import UserError, unknown
from gv_jax.models.stages import classifier_path, stages_of
from gv_jax.settings import (
    DTYPES,
    GREY,
    LABELLED,
    Config,
    find_weights_file,
    image_size,
    is_finetuned,
    make_degradation,
    make_tta,
    model_kwargs,
    model_options,
    stage_specs_from_config,
)
from gv_jax.tasks.color_heads import COLOR_HEADS, WITHOUT_LIGHTNESS
from gv_jax.tasks.registry import TASKS
from gv_jax.training import linear
from gv_jax.training.linear import SOLVERS
from gv_jax.training.losses import CLASS_WEIGHTING
from gv_jax.training.optimizer import OPTIMIZERS, SCHEDULES
from gv_jax.training.run_dir import flatten

MODELS_FOR = {
    "classification": models.CLASSIFIERS,
    "multi_label": models.CLASSIFIERS,
    "super_resolution": models.UPSCALERS,
    "colorization": models.COLORIZERS,
}
LABEL_MIXING = ("mixup", "cutmix", "label_smoothing")  # … which these augmentations change
CLASS_BALANCING = (
    "loss.class_weights",
    "loss.logit_adjustment",
    "train.sampling",
)  # what evens out classes of different sizes
SAMPLINGS = ("shuffled", "balanced")
CHOICES = {
    "task": TASKS,
    "model.name": models.MODELS,
    "model.dtype": DTYPES,
    "data.name": dataset.DATASETS,
    "data.channels": (1, 3, 4),
    "train.select": ("best", "last"),
    "train.sampling": SAMPLINGS,
    "loss.class_weights": CLASS_WEIGHTING,
    "probe.method": ("", *SOLVERS),
    "color_head.name": COLOR_HEADS,
    "optimizer.name": OPTIMIZERS,
    "optimizer.schedule": SCHEDULES,
}
RANGES = {
    "seed": (0, 4_294_967_295),
    "train.batch_size": (1, math.inf),
    "train.epochs": (1, math.inf),
    "augment.random_crop": (0, math.inf),
    "train.steps_per_epoch": (0, math.inf),
    "train.valid_batches": (0, math.inf),
    "train.ema": (0, 0.99999),
    "train.patience": (0, math.inf),
    "train.checkpoint_seconds": (0, math.inf),
    "model.dropout": (-1, 0.99),
    "loss.focal": (0, 10),
    "loss.logit_adjustment": (0, 10),
    "data.crop_pct": (0, 1),
    "color_head.palette_size": (2, 256),
    "color_head.temperature": (0, 100),
    "color_head.rebalance_lambda": (0.001, 1),
    "optimizer.learning_rate": (1e-12, math.inf),
    "optimizer.grad_accum_steps": (1, math.inf),
    "probe.folds": (2, math.inf),
}


def validate(config: Config) -> None:
    """UserError for a value that no run can have. `config` is `resolved`."""
    values = flatten(config.to_dict())
    for field, valid in CHOICES.items():
        if values[field] not in valid:
            raise unknown(f"value of config.{field}", str(values[field]), map(str, valid))
    for field, (low, high) in RANGES.items():
        if not low <= values[field] <= high:
            raise UserError(
                f"config.{field} is {values[field]}: it must be {low:g} or more, {high:g} or less"
            )
    for field in ("data.mean", "data.std"):
        if len(values[field]) not in (1, config.data.channels) and (
            len(values[field]),
            config.data.channels,
        ) != (3, 1):
            raise UserError(
                f"config.{field} has {len(values[field])} numbers: give one, or one per channel"
            )
    transforms.parse_preprocess(config.data.preprocess)
    models.check_model_options(config.model.name, model_options(config.model))
    augmentation.build_augmentation(
        {name: value for name, value in config.augment.items() if name != "random_crop"}
    )
    make_degradation(config)
    validate_task(config)
    validate_transfer(config)


def validate_task(config: Config) -> None:
    """UserError for a model, a file of weights or an augmentation that the task has no use for."""
    task, name = config.task, config.model.name
    if name not in MODELS_FOR[task]:
        raise UserError(
            f"model {name!r} is not made for {task}; models that are: {', '.join(MODELS_FOR[task])}"
        )
    if config.model.pretrained:
        find_weights_file(config.model)
    if "classifier" in models.model_options(name) and not config.model.pretrained:
        raise UserError(
            f"model {name!r} needs a classifier that has learned: its weights as config.model.pretrained"
        )
    if config.augment.random_crop and "size" in models.model_options(name):
        raise UserError(
            f"model {name!r} takes pictures of one size: config.augment.random_crop must be 0"
        )
    if task in GREY and config.data.channels != 3:
        raise UserError(f"{task} needs pictures in colour: config.data.channels must be 3")
    if config.color_head.name in WITHOUT_LIGHTNESS and config.color_head.predict_lightness:
        raise UserError(
            f"config.color_head.name={config.color_head.name} answers no lightness: config.color_head.lightness=kept"
        )
    for augment in LABEL_MIXING:
        if config.augment[augment] and task not in LABELLED:
            raise UserError(
                f"config.augment.{augment} mixes labels, which {task} has none of: leave it at 0"
            )
    for field, strength in config.degrade.items():
        if strength and task not in GREY:
            raise UserError(
                f"config.degrade.{field} is for the grey pictures of colorization: leave it at 0"
            )
    if task == "multi_label" and config.augment.label_smoothing:
        raise UserError(
            "config.augment.label_smoothing shares one answer among all classes, but multi_label asks of each label by "
            "itself: leave it at 0"
        )
    validate_loss(config)


def validate_loss(config: Config) -> None:
    """UserError for a loss or a sampling that the task has no use for, or two that do the same twice."""
    values = flatten(config.to_dict())
    evening = [name for name in CLASS_BALANCING if values[name] not in ("", 0, "shuffled")]
    if evening and config.task != "classification":
        raise UserError(
            f"config.{evening[0]} evens out classes, which is for task classification, not {config.task}"
        )
    if len(evening) > 1:
        both = " and ".join(f"config.{name}" for name in evening)
        raise UserError(f"{both} would each even out the classes: choose one")
    if config.loss.focal and config.task not in LABELLED:
        raise UserError(
            f"config.loss.focal is for tasks with labels, which {config.task} has none of: leave it at 0"
        )


def validate_transfer(config: Config) -> None:
    """UserError for stages that the model does not have, a probe or folds that cannot be, or views of pictures whose
    answers cannot be averaged."""
    if config.data.folds:
        kfold.check_folds(config.data.folds, config.data.fold)
    if len(make_tta(config)) > 1 and config.task not in LABELLED:
        raise UserError(
            f"config.tta averages what is said of a picture's class: {config.task} says none"
        )
    if config.probe.method:
        linear.check_l2(config.probe.l2)
        if config.task != "classification":
            raise UserError(f"config.probe is for task classification, not {config.task}")
        if is_finetuned(config):
            raise UserError("config.probe finds the head alone: leave config.finetune as it is")
    if config.probe.method or is_finetuned(config):
        size = image_size(config.data)
        size = (
            size if all(size) else (256, 256)
        )  # pictures of their own size: which, does not matter to the stages
        model = nnx.eval_shape(
            lambda: models.build(**model_kwargs(config, 2, size))
        )  # no weight is drawn
        if config.probe.method:
            classifier_path(model, config.model.name)
        stage_specs_from_config(
            config, stages_of(model, config.model.name), 1000 * config.train.epochs, 1000
        )
