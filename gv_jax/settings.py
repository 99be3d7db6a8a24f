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
from gv_jax.data import ab_bins, dataset, degrade, pipeline
from gv_jax.data import augment as augmentation
from gv_jax.data.batches import Order, balanced, perm, steps_per_epoch
from gv_jax.data.builders import PictureBuilder
from gv_jax.data.crop import random_crop
from gv_jax.data.dataset import Dataset
from gv_jax.data.folds import classes_of, divided, folded
from gv_jax.data.palette import Census
from gv_jax.data.views import View, views
from gv_jax.errors import UserError
from gv_jax.models import hub, pretrained
from gv_jax.models.card import Card, card
from gv_jax.models.transfer import Parts, parts_of
from gv_jax.serving.enlarger import enlarger, identity
from gv_jax.training.colorization import Colorization, learned
from gv_jax.training.colour_heads import HEADS, Head, Told
from gv_jax.training.fit import Plan
from gv_jax.training.losses import sigmoid_loss, softmax_loss_for
from gv_jax.training.multi_label import MultiLabel
from gv_jax.training.optimizer import optimizer
from gv_jax.training.tasks import TASKS, Classification, Task
from gv_jax.training.tiers import Tier, Tuning, tiers

Config = Any  # an ml_collections.ConfigDict, whose fields are known at run time only

LABELLED = ("classification", "multi_label")  # tasks that have labels …
GREY = ("colorization",)  # tasks whose pictures are made grey, and degraded
LIGHTNESS = {"kept": 2, "answered": 3}  # channels of a colour that is answered
ALIKE = {"freeze": (), "trained": 0, "rates": (), "layer_decay": 1.0, "thaw": ()}  # finetune: every stage like the next
DTYPES = {"float32": jnp.float32, "bfloat16": jnp.bfloat16}
WITHOUT_CARD = Card(mean=(0.5,), std=(0.25,), size=(64, 64), interpolation="bilinear", centre=1.0)
ALPHA = {"mean": (0.5,), "std": (0.25,)}  # of a fourth channel, which no card knows


def resolved(config: Config) -> Config:
    """A copy of `config` in which no field of a card is left empty: what a run is made of, and records.

    UserError where there is no such model, or no card to be had of its weights.
    """
    config = config.copy_and_resolve_references()
    told = WITHOUT_CARD
    if config.model.pretrained and config.task in LABELLED:
        family = models.family(config.model.name)
        told = card(family, weights_file(config.model))
    values = told._asdict()
    if config.data.channels == 4 and len(told.mean) == 3:
        values |= {name: values[name] + alpha for name, alpha in ALPHA.items()}
    for name, value in values.items():
        config.data[name] = config.data[name] or value
    return config


def weights_file(model: Config) -> Path:
    """Where the weights to start from are, fetched from the hub if need be."""
    pretrained.check_takes(model.name)
    source = model.pretrained
    file = hub.fetch(source) if source.startswith(hub.PREFIX) else Path(source)
    pretrained.check_file(file)
    return file


def fine_tuned(config: Config) -> bool:
    """Whether some stages learn in another way than others."""
    return any(config.finetune[name] != value for name, value in ALIKE.items())


def set_options(data: Config) -> dict[str, Any]:
    """What the named data set's builder is told."""
    shared = ("path", "skip_broken", "valid_share", "test_share", "split_seed")
    return {"root": Path(data.root), **{name: data[name] for name in shared}, **data[data.name].to_dict()}


def open_dataset(config: Config) -> Dataset:
    """The pictures, prepared and cached on the first call; with all of their labels where the task asks for them."""
    data = config.data
    shape = ("size", "centre", "channels", "fit", "interpolation", "background", "preprocess", "drop_leaks")
    run = data.super_resolution if pipeline.ENLARGING in pipeline.parse(data.preprocess) else ""
    opened = cache(lambda: enlarger(run))  # the network is only opened when pictures are decoded
    pictures = dataset.load(
        data.name,
        enlarge=(lambda picture: opened()(picture)) if run else None,
        enlarge_key=identity(run) if run else "",
        several=config.task == "multi_label",
        **{name: data[name] for name in shape},
        **set_options(data),
    )
    if not data.folds:
        return pictures
    return folded(pictures, open_pictures(data).group, data.folds, data.fold, data.split_seed)


def open_pictures(data: Config) -> PictureBuilder:
    """The same as `open_dataset`, prepared but neither resized nor without leaks."""
    return dataset.prepared(data.name, **set_options(data))


def picture_size(data: Config) -> tuple[int, int]:
    """(height, width) of what the network gets; (0, 0) where pictures keep their own size."""
    return pipeline.output_size(pipeline.parse(data.preprocess), tuple(data.size))


def model_options(model: Config) -> dict[str, Any]:
    """What is asked of the model besides its name."""
    named = {name: model[name] for name in ("stem", "last_stage", "classifier") if model[name]}
    return named | ({"dropout": model.dropout} if model.dropout >= 0 else {})


def make_outputs(config: Config, classes: int, task: Task | None = None) -> int:
    """Numbers that the network answers, of a picture or of each pixel; without a task the most that there can be."""
    if isinstance(task, Colorization):
        return task.head.outputs
    most = {"mse": LIGHTNESS[config.colour.lightness], "bins": len(ab_bins.centres()), "palette": config.colour.palette}
    return most[config.colour.head] if config.task == "colorization" else classes


def asked(config: Config, classes: int, size: tuple[int, int]) -> dict[str, Any]:
    """What `models.build` is told."""
    return {
        "name": config.model.name,
        "inputs": inputs(config),
        "classes": classes,
        "size": size,
        "rngs": nnx.Rngs(config.seed),
        **model_options(config.model),
    }


def open_model(config: Config, classes: int, size: tuple[int, int]) -> nnx.Module:
    """The network with its first weights, drawn or read. classes: or other outputs, as of `make_outputs`."""
    model = models.build(**asked(config, classes, size))
    if config.model.pretrained:
        without = config.model.pretrained_without if config.task in LABELLED else ()
        model = pretrained.load(model, weights_file(config.model), without)
    return model


def inputs(config: Config) -> int:
    """Channels of what the network is given."""
    data = config.data
    if config.task in GREY:
        return 1
    return max(data.channels, len(data.mean), len(data.std)) if config.task in LABELLED else data.channels


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
        colour = config.colour
        options = {"most": colour.palette, "temperature": colour.temperature, "uniform": colour.uniform}

        def make_head(census: Census, doubt: float) -> Head:
            return HEADS[colour.head](Told(census, doubt, channels=LIGHTNESS[colour.lightness], **options))

        return learned(images, make_degradation(config), make_head)
    labelled = {"classes": classes, "mean": tuple(config.data.mean), "std": tuple(config.data.std)}
    told = {"classification": labelled, "multi_label": labelled, "super_resolution": {}}
    return TASKS[config.task](**told[config.task])


def make_training_task(config: Config, task: Task, labels: np.ndarray) -> Task:
    """`task` as it is trained: with the loss of the configuration. labels: of the training split, [n] or [n k]."""
    if not any(config.loss.values()):
        return task
    match task:
        case MultiLabel():
            return replace(task, loss=partial(sigmoid_loss, focal=config.loss.focal))
        case Classification():
            counts = np.bincount(labels, minlength=task.classes).tolist()
            return replace(task, loss=softmax_loss_for(counts, **config.loss.to_dict()))
    return task


def make_order(config: Config, labels: np.ndarray) -> Order:
    """Which training pictures a pass takes. labels: of the training split."""
    return balanced(labels) if config.train.sampling == "balanced" else perm


def make_augmentation(config: Config, but: Sequence[str] = ()) -> augmentation.Augmentation:
    """What happens to training pictures, parts of them first; without the augmentations `but`."""
    augment = augmentation.build({name: value for name, value in config.augment.items() if name not in but})
    return augmentation.chain([random_crop(config.train.crop), augment]) if config.train.crop else augment


def make_degradation(config: Config) -> degrade.Degradation:
    """What happens to grey pictures before a network is told them."""
    return degrade.build(config.degrade.to_dict())


def as_probe(config: Config) -> Config:
    """`config` as a linear probe, whatever it says of fine-tuning: by ridge regression where it names no method."""
    changed = config.copy_and_resolve_references()
    changed.probe.method = config.probe.method or "ridge"
    changed.finetune.update(ALIKE)
    return changed


def make_probe(config: Config, pictures: Dataset) -> dict[str, Any]:
    """What is told to the probe of the training split; "folds" is the part of each picture in its cross-validation."""
    split, group = pictures.splits["train"], open_pictures(config.data).group
    parts = divided(classes_of(split.labels), list(map(group, split.ids)), config.probe.folds, config.seed)
    return {
        "method": config.probe.method,
        "views": views(config.probe.flip, 0),
        "batch_size": config.train.batch_size,
        "dtype": DTYPES[config.model.dtype],
        "labels": np.asarray(split.labels),
        "classes": len(pictures.classes),
        "penalties": tuple(config.probe.penalties),
        "folds": parts,
    }


def make_views(config: Config) -> tuple[View, ...]:
    """What the finished network is asked about for every picture."""
    return views(config.evaluate.flip, config.evaluate.shift)


def make_plan(config: Config, size: int, task: Task, validated: bool) -> Plan:
    """How long to train `size` pictures."""
    per_epoch = config.train.steps_per_epoch or steps_per_epoch(size, config.train.batch_size)
    return Plan(
        steps=config.train.epochs * per_epoch,
        steps_per_epoch=per_epoch,
        batch_size=config.train.batch_size,
        monitor=task.monitor,
        keep_best=validated and config.train.keep == "best",
        patience=config.train.patience,
        checkpoint_seconds=config.train.checkpoint_seconds,
    )


def make_tuning(config: Config, model: nnx.Module, plan: Plan) -> Tuning:
    """What each stage of the model is allowed; epochs become steps here."""
    if config.probe.method:
        parts = parts_of(model, config.model.name)
        return Tuning(parts, {stage: Tier(1.0, 0 if stage == "head" else None) for stage in parts})
    if not fine_tuned(config):
        return Tuning({}, {})
    parts = parts_of(model, config.model.name)
    return Tuning(parts, make_tiers(config, parts, plan.steps, plan.steps_per_epoch))


def make_tiers(config: Config, parts: Parts, steps: int, steps_per_epoch: int) -> dict[str, Tier]:
    """stage -> what it is allowed, in a training of so many steps."""
    options = config.finetune.to_dict()
    del options["fixed_statistics"]
    return tiers(
        tuple(parts),
        learning_rate=config.optimizer.learning_rate,
        total_steps=steps,
        steps_per_epoch=steps_per_epoch,
        accumulate=config.optimizer.accumulate,
        **options,
    )


def make_optimizer(config: Config, plan: Plan, **changed: Any) -> tuple[Any, Callable[[int], Any]]:
    """The optimizer and its learning rate by step, with arguments `changed`; epochs become steps here."""
    options = {**config.to_dict(), **changed}
    options["warmup_steps"] = round(options.pop("warmup_epochs") * plan.steps_per_epoch)
    return optimizer(total_steps=plan.steps, **options)
