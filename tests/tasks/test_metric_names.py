"""Names of the metrics of a task, and the metric that a search compares trials by."""

import numpy as np
import pytest

from gv_jax.errors import UserError
from gv_jax.evaluation.class_metrics import classification_metrics, log_softmax
from gv_jax.evaluation.metrics import METRICS
from gv_jax.evaluation.multilabel_metrics import multilabel_metrics
from gv_jax.tasks.metric_names import choose_metric
from gv_jax.tasks.registry import TASKS

LOGITS = np.random.default_rng(0).normal(size=(30, 12))


@pytest.mark.parametrize("task", TASKS)
def test_every_name_is_registered_once(task):
    names = TASKS[task].metric_names
    assert set(names) <= set(METRICS)
    assert len(set(names)) == len(names)
    assert choose_metric(task, "", "test") == f"test.{names[0]}"


def test_names_are_those_of_the_results():
    labels = np.arange(30) % 12
    single = {*classification_metrics(log_softmax(LOGITS), labels), "ece"}
    assert set(TASKS["classification"].metric_names) == single
    multi = multilabel_metrics(LOGITS, (LOGITS > 0).astype(float), np.full(12, 0.5))
    assert set(TASKS["multi_label"].metric_names) == set(multi)


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        ("accuracy", "--metric=accuracy"),
        ("tset.accuracy", "tset"),
        ("valid.", "valid"),
        ("valid.acuracy", "'acuracy'"),
        ("valid.psnr", "'psnr'"),
    ],
)
def test_a_metric_that_the_task_has_not_is_rejected(metric, value):
    with pytest.raises(UserError, match=value) as caught:
        choose_metric("classification", metric, "valid")
    assert "\n" not in str(caught.value)
