"""All tasks by name (config.task). A new task is one file beside this one and one line here."""

from gv_jax.tasks.classification import Classification
from gv_jax.tasks.colorization import Colorization
from gv_jax.tasks.generation import Generation
from gv_jax.tasks.multilabel import MultiLabel
from gv_jax.tasks.run_task import RunTask
from gv_jax.tasks.super_resolution import SuperResolution

TASKS: dict[str, type[RunTask]] = {
    "classification": Classification,
    "multi_label": MultiLabel,
    "super_resolution": SuperResolution,
    "colorization": Colorization,
    "generation": Generation,
}
