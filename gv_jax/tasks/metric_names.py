"""The metric that a search or an ablation compares runs by, as in "valid.accuracy"."""

from gv_jax.errors import UserError, unknown
from gv_jax.evaluation.metrics import get_metric
from gv_jax.evaluation.splits import SPLIT_TITLES
from gv_jax.tasks.registry import TASKS


def choose_metric(task: str, metric: str, split: str) -> str:
    """`metric`, or the main metric of the task if it is empty.

    Args:
        task: a name in TASKS.
        metric: split and name, or "".
        split: of the main metric.

    Raises:
        UserError: no such task, split or metric, or a metric of which neither high nor low values
            are better.
    """
    if task not in TASKS:
        raise unknown("value of config.task", task, TASKS)
    names = TASKS[task].metric_names
    if not metric:
        return f"{split}.{names[0]}"
    chosen_split, dot, name = metric.partition(".")
    if chosen_split not in SPLIT_TITLES or not dot or not name:
        raise UserError(
            f"--metric={metric}: give a split ({', '.join(SPLIT_TITLES)}) and a name, as in "
            f"{split}.{names[0]}"
        )
    if name not in names:
        raise unknown(f"metric of config.task={task}", name, names)
    if not get_metric(name).direction:
        raise UserError(
            f"--metric={metric}: neither high nor low values of {name} are better; give another "
            f"metric, as in {split}.{names[0]}"
        )
    return metric
