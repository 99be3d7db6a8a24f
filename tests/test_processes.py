"""What processes say to each other; runs of real processes are in tests/runs/test_processes.py."""

import pytest

from gv_jax import processes
from gv_jax.errors import UserError


def test_one_process_waits_for_nobody():
    assert processes.count() == 1
    assert processes.is_primary()
    assert processes.exchange("name", {"a": 1}) == [{"a": 1}]
    assert processes.any_process(True, False) == (True, False)
    with processes.primary_first("part"):
        processes.publish("name")
        processes.meet("place")
    processes.check_equal("facts", {"a": 1}, "")


@pytest.mark.parametrize(
    ("facts", "named"),
    [
        ([{"a": 1, "b": 2}, {"a": 1, "b": 3}], ("b is 2 in process 0 and 3 in process 1",)),
        ([{"a": 1}, {"a": 1}, {"a": 1, "c": "x"}], ("c is None", "'x' in process 2")),
    ],
)
def test_the_first_difference_is_named(monkeypatch, facts, named):
    monkeypatch.setattr(processes, "exchange", lambda name, value: facts)
    with pytest.raises(UserError) as error:
        processes.check_equal("facts", facts[0], "start them again")
    assert all(text in str(error.value) for text in (*named, "start them again"))
