"""From a configuration to the plain arguments of all that is below: named, with epochs as steps.

Only this file and those that may import it, `checks.py`, `assembly.py`, `experiment.py` and the commands, read one.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import nnx

from gv_jax import models
from gv_jax.data import dataset, transforms
from gv_jax.data.augment import augmentations as augmentation
from gv_jax.data.augment import degrade
from gv_jax.data.augment.crop import random_crop
from gv_jax.data.augment.tta import Transform, tta_transforms
from gv_jax.data.builders.base import ImageBuilder
from gv_jax.data.dataset import Dataset
from gv_jax.data.sampling import Sampler, class_balanced, shuffled, steps_per_epoch
from gv_jax.data.splits.kfold import assign_folds, labels_to_classes, take_fold
from gv_jax.errors import UserError
from gv_jax.image import color_bins
from gv_jax.image.palette import ColorHistogram
from gv_jax.inference.upscale import load_upscaler, run_fingerprint
from gv_jax.models.pretrained import hub, load
from gv_jax.models.pretrained.pretrained_cfg import PretrainedCfg, load_pretrained_cfg
from gv_jax.models.stages import StageModules, stages_of
from gv_jax.tasks.classification import Classification
from gv_jax.tasks.color_heads import COLOR_HEADS, ColorHead, HeadSpec
from gv_jax.tasks.colorization import Colorization, learned
from gv_jax.tasks.multilabel import MultiLabel
from gv_jax.tasks.registry import TASKS
from gv_jax.training.finetune import FinetuneSpec, StageSpec, make_stage_specs
from gv_jax.training.losses import make_softmax_loss, sigmoid_loss
from gv_jax.training.optimizer import build_optimizer
from gv_jax.training.fit import LoopConfig
from gv_jax.training.task import Task

Config = Any  # an ml_collections.ConfigDict, whose fields are known at run time only

LABELLED = ("classification", "multi_label")  # tasks that have labels …
GREY = ("colorization",)  # tasks whose pictures are made grey, and degraded
FINETUNE_OFF = {
    "freeze": (),
    "last_stages": 0,
    "stage_lrs": (),
    "layer_decay": 1.0,
    "unfreeze_epochs": (),
}
DTYPES = {"float32": jnp.float32, "bfloat16": jnp.bfloat16}
DEFAULT_CFG = PretrainedCfg(
    mean=(0.5,), std=(0.25,), size=(64, 64), interpolation="bilinear", crop_pct=1.0
)
ALPHA_STATS = {"mean": (0.5,), "std": (0.25,)}  # of a fourth channel, which no card knows


def resolve_config(config: Config) -> Config:
    """A copy of `config` in which no field of a card is left empty: what a run is made of, and records.

    UserError where there is no such model, or no card to be had of its weights.
    """
    config = config.copy_and_resolve_references()
    told = DEFAULT_CFG
    if config.model.pretrained and config.task in LABELLED:
        family = models.model_class(config.model.name)
        told = load_pretrained_cfg(family, find_weights_file(config.model))
    values = told._asdict()
    if config.data.channels == 4 and len(told.mean) == 3:
        values |= {name: values[name] + alpha for name, alpha in ALPHA_STATS.items()}
    for name, value in values.items():
        config.data[name] = config.data[name] or value
    return config


def find_weights_file(model: Config) -> Path:
    """Where the weights to start from are, fetched from the hub if need be."""
    load.check_pretrainable(model.name)
    source = model.pretrained
    file = hub.fetch(source) if source.startswith(hub.HUB_PREFIX) else Path(source)
    load.check_weights_file(file)
    return file


def is_finetuned(config: Config) -> bool:
    """Whether some stages learn in another way than others."""
    return any(config.finetune[name] != value for name, value in FINETUNE_OFF.items())


def builder_kwargs(data: Config) -> dict[str, Any]:
    """What the named data set's builder is told."""
    shared = ("path", "skip_broken", "valid_fraction", "test_fraction", "split_seed")
    return {
        "root": Path(data.root),
        **{name: data[name] for name in shared},
        **data[data.name].to_dict(),
    }


def load_dataset(config: Config) -> Dataset:
    """The pictures, prepared and cached on the first call; with all of their labels where the task asks for them."""
    data = config.data
    shape = (
        "size",
        "crop_pct",
        "channels",
        "resize_mode",
        "interpolation",
        "background",
        "preprocess",
        "drop_leaks",
    )
    run = (
        data.super_resolution
        if transforms.SUPER_RESOLUTION in transforms.parse_preprocess(data.preprocess)
        else ""
    )
    opened = cache(
        lambda: load_upscaler(run)
    )  # the network is only opened when pictures are decoded
    pictures = dataset.load_split_arrays(
        data.name,
        enlarge=(lambda picture: opened()(picture)) if run else None,
        enlarge_key=run_fingerprint(run) if run else "",
        several=config.task == "multi_label",
        **{name: data[name] for name in shape},
        **builder_kwargs(data),
    )
    if not data.folds:
        return pictures
    return take_fold(pictures, prepare_builder(data).group, data.folds, data.fold, data.split_seed)


def prepare_builder(data: Config) -> ImageBuilder:
    """The same as `open_dataset`, prepared but neither resized nor without leaks."""
    return dataset.prepare(data.name, **builder_kwargs(data))


def image_size(data: Config) -> tuple[int, int]:
    """(height, width) of what the network gets; (0, 0) where pictures keep their own size."""
    return transforms.output_size(transforms.parse_preprocess(data.preprocess), tuple(data.size))


def model_options(model: Config) -> dict[str, Any]:
    """What is asked of the model besides its name."""
    named = {name: model[name] for name in ("stem", "last_stage", "classifier") if model[name]}
    return named | ({"dropout": model.dropout} if model.dropout >= 0 else {})


def num_outputs(config: Config, classes: int, task: Task | None = None) -> int:
    """Numbers that the network answers, of a picture or of each pixel; without a task the most that there can be."""
    if isinstance(task, Colorization):
        return task.head.outputs
    most = {
        "mse": 2 + config.color_head.predict_lightness,
        "bins": len(color_bins.bin_centers()),
        "palette": config.color_head.palette_size,
    }
    return most[config.color_head.name] if config.task == "colorization" else classes


def model_kwargs(config: Config, classes: int, size: tuple[int, int]) -> dict[str, Any]:
    """What `models.build` is told."""
    return {
        "name": config.model.name,
        "inputs": num_inputs(config),
        "classes": classes,
        "size": size,
        "rngs": nnx.Rngs(config.seed),
        **model_options(config.model),
    }


def build_model(config: Config, classes: int, size: tuple[int, int]) -> nnx.Module:
    """The network with its first weights, drawn or read. classes: or other outputs, as of `make_outputs`."""
    model = models.build(**model_kwargs(config, classes, size))
    if config.model.pretrained:
        without = config.model.pretrained_without if config.task in LABELLED else ()
        model = load.load_pretrained(model, find_weights_file(config.model), without)
    return model


def num_inputs(config: Config) -> int:
    """Channels of what the network is given."""
    data = config.data
    if config.task in GREY:
        return 1
    return (
        max(data.channels, len(data.mean), len(data.std))
        if config.task in LABELLED
        else data.channels
    )


def make_task(config: Config, classes: int, images: np.ndarray) -> Task:
    """What is trained for. images: those of the training split.

    Raises:
        UserError: there is nothing to tell apart.
    """
    if config.task in LABELLED and classes < 2:
        raise UserError(
            f"{config.task} tells classes apart, and {config.data.name} has {classes} here: give it two or more"
        )
    if config.task == "colorization":
        colour = config.color_head
        options = {
            "most": colour.palette_size,
            "temperature": colour.temperature,
            "uniform": colour.rebalance_lambda,
        }

        def make_head(census: ColorHistogram, doubt: float) -> ColorHead:
            return COLOR_HEADS[colour.name](
                HeadSpec(census, doubt, channels=2 + colour.predict_lightness, **options)
            )

        return learned(images, make_degradation(config), make_head)
    labelled = {"classes": classes, "mean": tuple(config.data.mean), "std": tuple(config.data.std)}
    told = {"classification": labelled, "multi_label": labelled, "super_resolution": {}}
    return TASKS[config.task](**told[config.task])


def make_train_task(config: Config, task: Task, labels: np.ndarray) -> Task:
    """`task` as it is trained: with the loss of the configuration. labels: of the training split, [n] or [n k]."""
    if not any(config.loss.values()):
        return task
    match task:
        case MultiLabel():
            return replace(task, loss=partial(sigmoid_loss, focal=config.loss.focal))
        case Classification():
            counts = np.bincount(labels, minlength=task.classes).tolist()
            return replace(task, loss=make_softmax_loss(counts, **config.loss.to_dict()))
    return task


def make_sampler(config: Config, labels: np.ndarray) -> Sampler:
    """Which training pictures a pass takes. labels: of the training split."""
    return class_balanced(labels) if config.train.sampling == "balanced" else shuffled


def make_augmentation(config: Config, but: Sequence[str] = ()) -> augmentation.Augmentation:
    """What happens to training pictures, parts of them first; without the augmentations `but`."""
    augment = augmentation.build_augmentation(
        {name: value for name, value in config.augment.items() if name not in (*but, "random_crop")}
    )
    return (
        augmentation.chain_augmentations([random_crop(config.augment.random_crop), augment])
        if config.augment.random_crop
        else augment
    )


def make_degradation(config: Config) -> degrade.Degradation:
    """What happens to grey pictures before a network is told them."""
    return degrade.build_degradation(config.degrade.to_dict())


def as_probe(config: Config) -> Config:
    """`config` as a linear probe, whatever it says of fine-tuning: by ridge regression where it names no method."""
    changed = config.copy_and_resolve_references()
    changed.probe.method = config.probe.method or "ridge"
    changed.finetune.update(FINETUNE_OFF)
    return changed


def make_probe(config: Config, pictures: Dataset) -> dict[str, Any]:
    """What is told to the probe of the training split; "folds" is the part of each picture in its cross-validation."""
    split, group = pictures.splits["train"], prepare_builder(config.data).group
    parts = assign_folds(
        labels_to_classes(split.labels),
        list(map(group, split.ids)),
        config.probe.folds,
        config.seed,
    )
    return {
        "method": config.probe.method,
        "views": tta_transforms(config.probe.flip, 0),
        "batch_size": config.train.batch_size,
        "dtype": DTYPES[config.model.dtype],
        "labels": np.asarray(split.labels),
        "classes": len(pictures.classes),
        "l2": tuple(config.probe.l2),
        "folds": parts,
    }


def make_tta(config: Config) -> tuple[Transform, ...]:
    """What the finished network is asked about for every picture."""
    return tta_transforms(config.tta.flip, config.tta.shift)


def make_loop_config(config: Config, size: int, task: Task, validated: bool) -> LoopConfig:
    """How long to train `size` pictures."""
    per_epoch = config.train.steps_per_epoch or steps_per_epoch(size, config.train.batch_size)
    return LoopConfig(
        steps=config.train.epochs * per_epoch,
        steps_per_epoch=per_epoch,
        batch_size=config.train.batch_size,
        monitor=task.monitor,
        keep_best=validated and config.train.select == "best",
        patience=config.train.patience,
        checkpoint_seconds=config.train.checkpoint_seconds,
    )


def make_finetune(config: Config, model: nnx.Module, plan: LoopConfig) -> FinetuneSpec:
    """What each stage of the model is allowed; epochs become steps here."""
    if config.probe.method:
        parts = stages_of(model, config.model.name)
        return FinetuneSpec(
            parts, {stage: StageSpec(1.0, 0 if stage == "head" else None) for stage in parts}
        )
    if not is_finetuned(config):
        return FinetuneSpec({}, {})
    parts = stages_of(model, config.model.name)
    return FinetuneSpec(
        parts, stage_specs_from_config(config, parts, plan.steps, plan.steps_per_epoch)
    )


def stage_specs_from_config(
    config: Config, parts: StageModules, steps: int, steps_per_epoch: int
) -> dict[str, StageSpec]:
    """stage -> what it is allowed, in a training of so many steps."""
    options = config.finetune.to_dict()
    del options["freeze_bn"]
    return make_stage_specs(
        tuple(parts),
        learning_rate=config.optimizer.learning_rate,
        total_steps=steps,
        steps_per_epoch=steps_per_epoch,
        grad_accum_steps=config.optimizer.grad_accum_steps,
        **options,
    )


def make_optimizer(
    config: Config, plan: LoopConfig, **changed: Any
) -> tuple[Any, Callable[[int], Any]]:
    """The optimizer and its learning rate by step, with arguments `changed`; epochs become steps here."""
    options = {**config.to_dict(), **changed}
    options["warmup_steps"] = round(options.pop("warmup_epochs") * plan.steps_per_epoch)
    return build_optimizer(total_steps=plan.steps, **options)
