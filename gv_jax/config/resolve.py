"""A configuration with every derived field filled in: what a run records in config.json."""

import os

from gv_jax import models
from gv_jax.config import default
from gv_jax.config.default import PATH_FIELDS, Config
from gv_jax.inference.initial_run import find_initial_run
from gv_jax.models.pooled_head import ALL
from gv_jax.models.pretrained.load import find_weights_file
from gv_jax.models.pretrained.pretrained_cfg import PretrainedCfg, find_padding, load_pretrained_cfg
from gv_jax.tasks.registry import TASKS
from gv_jax.training import finetune
from gv_jax.training.run_dir import RunDir

DEFAULT_CFG = PretrainedCfg(
    mean=(0.5,), std=(0.25,), size=(64, 64), interpolation="bilinear", crop_pct=1.0
)
ALPHA_STATS = {"mean": (0.5,), "std": (0.25,)}  # of a fourth channel, which no weights know
PROBE_REASON = "only a linear classifier is fitted to the network of this configuration"


def resolve(config: Config) -> Config:
    """A copy of `config` whose empty fields of images and padding are those of its weights.

    A run as pretrained weights also gives its feature maps and backgrounds (config.probe). A
    leading ~ in a path becomes the home folder, which shells leave alone behind "=".

    Raises:
        UserError: there is no such model, or its weights have no valid `pretrained_cfg`.
    """
    config = config.copy_and_resolve_references()
    for name in PATH_FIELDS:
        section, _, field = name.partition(".")
        config[section][field] = os.path.expanduser(config[section][field])
    if config.probe.method:
        config.probe.maps = config.probe.maps or ALL
    cfg = DEFAULT_CFG
    task = TASKS.get(config.task)
    initial = find_initial_run(config.model.pretrained) if task and task.uses_labels else None
    if initial is not None:
        cfg = cfg_of_run(initial)
        if "padding" in models.model_options(config.model.name):
            config.model.padding = config.model.padding or initial.config["model"].get(
                "padding", ""
            )
        recorded = initial.config["probe"]
        config.probe.maps = config.probe.maps or recorded.get("maps", "")
        config.probe.backgrounds = config.probe.backgrounds or tuple(
            recorded.get("backgrounds", ())
        )
    elif config.model.pretrained and task is not None and task.uses_labels:
        file = find_weights_file(config.model)
        cfg = load_pretrained_cfg(models.model_class(config.model.name), file)
        if "padding" in models.model_options(config.model.name):
            config.model.padding = config.model.padding or find_padding(file)
    values = cfg._asdict()
    if config.data.channels == 4 and len(cfg.mean) == 3:
        values |= {name: values[name] + alpha for name, alpha in ALPHA_STATS.items()}
    for name, value in values.items():
        config.data[name] = config.data[name] or value
    return config


def cfg_of_run(run_dir: RunDir) -> PretrainedCfg:
    """The preprocessing of the images of a finished run."""
    data = run_dir.config["data"]
    return PretrainedCfg(
        tuple(data["mean"]),
        tuple(data["std"]),
        tuple(data["size"]),
        data["interpolation"],
        data["crop_pct"],
    )


def resolved_defaults() -> dict:
    """The resolved default configuration as nested dicts: what reports compare a run with."""
    return resolve(default.get_config()).to_dict()


def as_probe(config: Config) -> Config:
    """`config` as a linear probe: ridge unless it names a method, and no fine-tuning.

    A recipe for another training keeps its name, without its reason and expected time.
    """
    changed = config.copy_and_resolve_references()
    if config.recipe_reason and not config.probe.method:
        changed.recipe_reason = PROBE_REASON
    changed.probe.method = config.probe.method or "ridge"
    changed.finetune.update(finetune.OFF)
    return changed
