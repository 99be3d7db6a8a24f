"""The worker: one thread, batches of what waits, a queue of limited length."""

import threading
import time

import pytest

from gv_jax.serving.worker import BusyError, ExpiredError, Worker


@pytest.fixture
def worker():
    worker = Worker(queue_length=4, batch_seconds=0.05, max_batch=3)
    yield worker
    worker.close()


class Gate:
    """A function of batches that waits until it is opened; records batches and threads."""

    def __init__(self):
        self.open, self.entered = threading.Event(), threading.Event()
        self.batches, self.threads = [], set()

    def __call__(self, items):
        self.batches.append(list(items))
        self.threads.add(threading.get_ident())
        self.entered.set()
        assert self.open.wait(5)
        return [2 * item for item in items]


def test_waiting_items_are_one_batch(worker):
    gate = Gate()
    gate.open.set()
    futures = [worker.submit(gate, item, 5) for item in range(3)]
    assert [future.result(5) for future in futures] == [0, 2, 4]
    assert gate.batches == [[0, 1, 2]]
    assert (worker.num_batches, worker.num_items) == (1, 3)


def test_batches_have_a_limit_and_one_function(worker):
    first, second = Gate(), Gate()
    first.open.set()
    second.open.set()
    calls = [(first, 1), (second, 2), (first, 3)]
    futures = [worker.submit(function, item, 5) for function, item in calls]
    assert [future.result(5) for future in futures] == [2, 4, 6]
    assert (first.batches, second.batches) == ([[1, 3]], [[2]])
    futures = [worker.submit(first, item, 5) for item in range(4)]
    [future.result(5) for future in futures]
    assert [len(batch) for batch in first.batches[1:]] == [3, 1]


def test_models_are_called_in_one_thread_that_is_not_ours(worker):
    gates = Gate(), Gate()
    for gate in gates:
        gate.open.set()
        worker.submit(gate, 0, 5).result(5)
    assert gates[0].threads == gates[1].threads != {threading.get_ident()}


def test_a_full_queue_refuses_with_the_wait(worker):
    gate = Gate()
    running = worker.submit(gate, 0, 5)
    assert gate.entered.wait(5)
    waiting = [worker.submit(gate, item, 5) for item in range(4)]
    with pytest.raises(BusyError) as caught:
        worker.submit(gate, 9, 5)
    assert 1 <= caught.value.retry_seconds <= 60
    assert worker.num_refused == 1
    gate.open.set()
    assert running.result(5) == 0
    assert [future.result(5) for future in waiting] == [0, 2, 4, 6]


def test_a_call_that_waited_too_long_is_not_run(worker):
    gate = Gate()
    running = worker.submit(gate, 0, 5)
    assert gate.entered.wait(5)
    late = worker.submit(gate, 7, 0.01)
    time.sleep(0.02)
    gate.open.set()
    running.result(5)
    with pytest.raises(ExpiredError):
        late.result(5)
    assert gate.batches == [[0]]


def test_a_canceled_call_is_not_run(worker):
    gate = Gate()
    running = worker.submit(gate, 0, 5)
    assert gate.entered.wait(5)
    assert worker.submit(gate, 7, 5).cancel()
    last = worker.submit(gate, 1, 5)
    gate.open.set()
    running.result(5)
    assert last.result(5) == 2
    assert gate.batches == [[0], [1]]


def test_an_error_meets_its_own_item_only(worker):
    def invert(items):
        return [1 / item for item in items]

    futures = [worker.submit(invert, item, 5) for item in (2, 0, 4)]
    assert (futures[0].result(5), futures[2].result(5)) == (0.5, 0.25)
    with pytest.raises(ZeroDivisionError):
        futures[1].result(5)


def test_closing_ends_waiting_calls():
    worker, gate = Worker(batch_seconds=0), Gate()
    running = worker.submit(gate, 0, 5)
    assert gate.entered.wait(5)
    waiting = worker.submit(print, 1, 5)
    threading.Timer(0.05, gate.open.set).start()
    worker.close()
    assert running.result(5) == 0
    with pytest.raises(BusyError):
        waiting.result(5)
    with pytest.raises(BusyError):
        worker.submit(gate, 2, 5)


def test_calls_go_before_work_in_advance():
    worker = Worker(batch_seconds=0, idle_seconds=0.3)
    order = []

    def record(items):
        order.extend(items)
        return items

    first = worker.submit_idle(record, "first idle")
    first.result(5)
    idle = worker.submit_idle(record, "idle")
    worker.submit(record, "call", 5).result(5)
    idle.result(5)
    worker.close()
    assert order == ["first idle", "call", "idle"]
