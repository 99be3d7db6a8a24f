"""What processes say to each other; runs of real processes are in tests/runs/test_processes.py."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, local

import pytest

from gv_jax import processes
from gv_jax.data.record import DataRecord, RecordedSplit
from gv_jax.errors import UserError
from gv_jax.run_processes import PART, check_same_images, describe_difference


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


A, B, C = ["a", "1", "(0,)"], ["b", "2", "(0,)"], ["c", "3", "(1,)"]


@pytest.mark.parametrize(
    ("images", "others", "named"),
    [
        ([A, B, C], [A, C], "b is missing in process 3"),
        ([A, C], [A, B, C], "b is missing in process 0"),
        ([A, B], [A, B, C], "c is missing in process 0"),
        ([A], [], "a is missing in process 3"),
        ([A, B], [A, ["b", "9", "(0,)"]], "b has another content in process 3"),
        ([A, B], [A, ["b", "2", "(1,)"]], "b has another label in process 3"),
    ],
)
def test_the_first_image_that_differs_is_named(images, others, named):
    assert named in describe_difference(images, others, 3)


IDS = tuple(f"{index:05d}" for index in range(2 * PART + 5))


def make_image_record(ids, classes=("x",)):
    return DataRecord(
        "set", classes, {}, {"train": RecordedSplit(ids, ids, ((0,),) * len(ids))}, {}
    )


@pytest.mark.parametrize(
    ("others", "named"),
    [
        (IDS[:PART] + IDS[PART + 1 :], f"{IDS[PART]} is missing in process 2"),
        (IDS[: 2 * PART], f"{IDS[2 * PART]} is missing in process 2"),
        ((*IDS, "99999"), "99999 is missing in process 0"),
        (IDS[::-1], "the split 'train'"),
        (IDS, "the list of classes"),
    ],
)
def test_images_are_compared_in_parts(monkeypatch, others, named):
    index, barrier, given = local(), Barrier(3), {}

    def exchange(name, value):  # between three threads
        given[name, index.value] = value
        barrier.wait(10)
        return [given[name, number] for number in range(3)]

    def check(number, record):
        index.value = number
        with pytest.raises(UserError) as error:
            check_same_images(record)
        return str(error.value)

    monkeypatch.setattr(processes, "exchange", exchange)
    classes = ("x",) if others != IDS else ("y",)
    records = [make_image_record(IDS)] * 2 + [make_image_record(others, classes)]
    with ThreadPoolExecutor(3) as pool:
        lines = list(pool.map(check, range(3), records))
    assert len({*lines}) == 1
    assert named in lines[0]
