"""Validation of a configuration: one-line errors for invalid values and combinations."""

import math
import os
from pathlib import Path

from flax import nnx

from gv_jax import models
from gv_jax.config.default import Config
from gv_jax.data import dataset, transforms
from gv_jax.data.augment.augmentations import build_augmentation
from gv_jax.data.augment.degrade import build_degradation
from gv_jax.data.augment.tta import tta_transforms
from gv_jax.data.sampling import SAMPLER_NAMES
from gv_jax.data.splits import kfold
from gv_jax.data.transforms import output_size
from gv_jax.errors import UserError, unknown
from gv_jax.inference.initial_run import check_same_model, find_initial_run, note_other_images
from gv_jax.models.pooled_head import has_pooled_head
from gv_jax.models.pretrained.load import find_weights_file, options_from_section
from gv_jax.models.stages import classifier_path, stages_of
from gv_jax.tasks.model import build_model
from gv_jax.tasks.registry import TASKS
from gv_jax.training import linear
from gv_jax.training.cross_validation import check_l2
from gv_jax.training.finetune import is_finetuned, make_stage_specs
from gv_jax.training.layouts import MIN_TIME
from gv_jax.training.losses import CLASS_WEIGHTING
from gv_jax.training.optimizer import OPTIMIZERS, SCHEDULES
from gv_jax.training.run_dir import flatten_config

CHOICES = {
    "task": TASKS,
    "model.name": models.MODELS,
    "model.dtype": ("float32", "bfloat16"),
    "data.name": dataset.DATASETS,
    "data.channels": (1, 3, 4),
    "train.select": ("best", "last"),
    "train.sampling": SAMPLER_NAMES,
    "loss.class_weights": CLASS_WEIGHTING,
    "probe.method": ("", *linear.SOLVERS),
    "optimizer.name": OPTIMIZERS,
    "optimizer.schedule": SCHEDULES,
}
NUMBER_TUPLES = (  # ml_collections does not check what is in a tuple
    *("data.size", "data.background", "data.mean", "data.std"),
    *("probe.l2", "probe.backgrounds"),
    *("train.report_epochs", "optimizer.step_milestones"),
    *("finetune.stage_lrs", "finetune.unfreeze_epochs"),
)
MAX_NUMBER = 1e30
RANGES = {  # field: (minimum, maximum)
    "seed": (0, 4_294_967_295),
    "train.batch_size": (1, math.inf),
    "train.epochs": (1, math.inf),
    "train.steps_per_epoch": (0, math.inf),
    "train.steps_per_call": (1, math.inf),
    "train.valid_batches": (0, math.inf),
    "train.ema": (0, 0.99999),
    "train.patience": (0, math.inf),
    "train.checkpoint_seconds": (0, math.inf),
    "train.read_threads": (0, 256),
    "train.prefetch": (1, 4096),
    "data.cache_mb": (0, math.inf),
    "data.train_fraction": (1e-4, 1),
    "data.generated_ratio": (0, 1000),
    "inference.whole_images": (0, math.inf),
    "model.dropout": (-1, 0.99),
    "loss.focal": (0, 10),
    "loss.logit_adjustment": (0, 10),
    "data.crop_pct": (0, 1),
    "augment.random_crop": (0, math.inf),
    "optimizer.learning_rate": (1e-12, math.inf),
    "optimizer.grad_accum_steps": (1, math.inf),
    "probe.folds": (2, math.inf),
    "probe.cache_mb": (0, math.inf),
    "generation.layouts": (0, 1000),
    "generation.label_dropout": (0, 1),
    "generation.time_mean": (-5, 5),
    "generation.time_std": (0.01, 5),
    "generation.guidance": (0, 20),
    "generation.steps": (1, 1000),
    "generation.layout_time": (MIN_TIME, 1.0),
    "generation.palette": (0, 256),
    "generation.strength": (0.0, 1.0),
    "inference.samples": (0, 100_000),
    "inference.neighbors": (0, math.inf),
    "inference.explanations": (0, 8),
    "inference.thumbnails": (0, 512),
}


def validate(config: Config) -> Config:
    """Returns `config`, which is resolved, if every value and combination is valid.

    Raises:
        UserError: names the first invalid field.
    """
    values = flatten_config(config.to_dict())
    for field, valid in CHOICES.items():
        if values[field] not in valid:
            raise unknown(f"value of config.{field}", str(values[field]), map(str, valid))
    for field, (low, high) in RANGES.items():
        if not low <= values[field] <= high:
            bounds = f"at least {low}" + (f" and at most {high}" if high < math.inf else "")
            raise UserError(f"config.{field} is {values[field]}: it must be {bounds}")
    for field in NUMBER_TUPLES:
        if not all(map(is_number, values[field])):
            raise UserError(f"config.{field} is {values[field]}: its values must be numbers")
    for field in ("data.mean", "data.std"):
        count, channels = len(values[field]), config.data.channels
        if count not in (1, channels) and (count, channels) != (3, 1):
            raise UserError(f"config.{field} has {count} numbers: give one, or one per channel")
    if config.recipe and not config.recipe_reason:
        raise UserError(
            "config.recipe is of configs/folder.py only: choose that file, or leave it out"
        )
    transforms.parse_preprocess(config.data.preprocess)
    models.check_model_options(config.model.name, options_from_section(config.model))
    build_augmentation(config.augment.to_dict())
    build_degradation(config.degrade.to_dict())
    tta_transforms(**config.tta)
    if config.data.folds:
        kfold.check_folds(config.data.folds, config.data.fold)
    if config.data.generated:
        validate_generated(config)
    TASKS[config.task].validate(config)
    validate_backgrounds(config)
    validate_model(config)
    if config.probe.method or is_finetuned(config.finetune):
        validate_stages(config)
    return config


def is_number(value: object) -> bool:
    """Whether a value is a number, neither infinite nor NaN."""
    return isinstance(value, int | float) and -MAX_NUMBER <= value <= MAX_NUMBER


def validate_generated(config: Config) -> None:
    """Raises UserError for a run that cannot use generated images."""
    prefix = f"config.data.generated is {config.data.generated}: "
    if not TASKS[config.task].uses_labels:
        labeled = " or ".join(name for name, task in TASKS.items() if task.uses_labels)
        raise UserError(f"{prefix}it adds labeled images, for --config.task={labeled} only")
    if config.probe.method:
        raise UserError(
            f"{prefix}a linear probe chooses its penalty on held-out training images, which must "
            "be real ones; train the network instead"
        )
    folder = os.path.realpath(config.data.generated)
    if config.data.path and Path(folder).is_relative_to(os.path.realpath(config.data.path)):
        raise UserError(
            f"{prefix}it is in config.data.path ({config.data.path}), whose held-out images would "
            "be trained on; give a folder that gv-jax generate wrote"
        )


def validate_backgrounds(config: Config) -> None:
    """Raises UserError for gray levels out of range, or where no image is shown over them."""
    grays = config.probe.backgrounds
    if not all(gray in range(256) for gray in grays):
        raise UserError(f"config.probe.backgrounds is {grays}: give whole numbers from 0 to 255")
    if grays and config.data.channels != 4:
        raise UserError(
            f"config.probe.backgrounds is {grays}: it needs transparent images, that is, "
            "--config.data.channels=4"
        )
    if grays and not has_pooled_head(config.probe.maps):
        raise UserError(
            f"config.probe.backgrounds is {grays}: it needs --mode=probe and feature maps as "
            "config.probe.maps=all"
        )


def validate_model(config: Config) -> None:
    """Raises UserError for weights or image sizes that the model does not allow."""
    name = config.model.name
    initial = find_initial_run(config.model.pretrained)
    if initial is not None:
        check_same_model(initial, config)
        note_other_images(initial, config.data)
    elif config.model.pretrained:
        find_weights_file(config.model)
    elif "classifier" in models.model_options(name):
        raise UserError(
            f"model {name!r} needs the weights of its classifier: give them as "
            "config.model.pretrained"
        )
    if config.augment.random_crop and models.has_fixed_size(name):
        raise UserError(
            f"config.augment.random_crop is {config.augment.random_crop}: it must be 0, as model "
            f"{name!r} takes images of one size"
        )


def validate_stages(config: Config) -> None:
    """Raises UserError for a probe or fine-tuning that the model's stages do not allow."""
    if config.probe.method:
        check_l2(config.probe.l2)
        if is_finetuned(config.finetune):
            raise UserError("config.probe trains the head only: leave config.finetune unchanged")
    size = output_size(config.data)
    size = size if all(size) else (256, 256)  # the stages do not depend on it
    model = nnx.eval_shape(lambda: build_model(config, 2, size, pretrained=False))
    if config.probe.method:
        classifier_path(model, config.model.name)
    stages = tuple(stages_of(model, config.model.name))
    section = {name: value for name, value in config.finetune.items() if name != "freeze_bn"}
    make_stage_specs(
        stages,
        **section,
        learning_rate=config.optimizer.learning_rate,
        total_steps=1000 * config.train.epochs,
        steps_per_epoch=1000,
        grad_accum_steps=config.optimizer.grad_accum_steps,
    )
