"""Every task by its name."""

from collections.abc import Callable

from gv_jax.tasks.classification import Classification
from gv_jax.tasks.colorization import Colorization
from gv_jax.tasks.multilabel import MultiLabel
from gv_jax.tasks.super_resolution import SuperResolution
from gv_jax.training.task import Task

TASKS: dict[str, Callable[..., Task]] = {
    "classification": Classification,
    "multi_label": MultiLabel,
    "super_resolution": SuperResolution,
    "colorization": Colorization,
}
