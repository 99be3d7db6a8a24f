"""What the processes of one run exchange besides the arrays of a step.

Process 0 alone writes files. Texts go through the key-value store of `jax.distributed`, whose
coordinator is process 0; whoever waits there also learns why another process has failed. A program
that is one process by itself, the usual case, is process 0 of 1, and every function returns at
once.
"""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import jax
import numpy as np
from jax._src import distributed as runtime  # its key-value store is public nowhere; Orbax's way
from jax.experimental import multihost_utils

from gv_jax.errors import LOST_STATUS, UserError

POLL_S = 0.2  # seconds between two looks into the store
LINGER_S = 2.0  # seconds that a failed process gives the others to read why
ROOT = "gv_jax"  # of all keys
FAILED = f"{ROOT}/failed"


class ProcessError(UserError):
    """Another process of the run has failed; `exit_status` is that of the other process."""

    def __init__(self, process: int, line: str, status: int) -> None:
        super().__init__(f"process {process}: {line}")
        self.exit_status = status


class LostProcessError(UserError):
    """Another process ended without reporting why; the run can be resumed."""

    exit_status = LOST_STATUS


def count() -> int:
    """The number of processes of this run."""
    return jax.process_count()


def is_primary() -> bool:
    """Whether this is process 0, which writes the files of the run."""
    return jax.process_index() == 0


def exchange(name: str, value: Any) -> list[Any]:
    """The `value` that each process gives, in the order of processes.

    Args:
        name: of the exchange; each name is used once.
        value: JSON types.

    Raises:
        ProcessError: another process has failed instead.
    """
    if count() == 1:
        return [value]
    publish(name, value)
    return [wait_for(name, process) for process in range(count())]


def meet(name: str) -> None:
    """Waits until all processes are here, for as long as they live.

    To be called before a collective operation that they reach at different times, as after
    compilation: on a CPU, it fails 30 seconds after the first of them.

    Args:
        name: of the place; each name is used once.

    Raises:
        ProcessError: another process has failed instead.
    """
    exchange(f"meeting/{name}", None)


def get_client() -> Any:
    """The connection to the coordinator; JAX has no public name for it."""
    return runtime.global_state.client


def publish(name: str, value: Any = None) -> None:
    """Makes `value`, of JSON types, known to the processes that wait for `name`."""
    if count() > 1:
        key = f"{ROOT}/{name}/{jax.process_index()}"
        get_client().key_value_set(key, json.dumps(value))


def wait_for(name: str, process: int = 0) -> Any:
    """The value that a process publishes as `name`.

    Raises:
        ProcessError: a process has failed instead.
    """
    client, folder = get_client(), f"{ROOT}/{name}"
    while True:
        # the whole folder, as JAX logs an error where a single key is missing
        found = dict(client.key_value_dir_get(folder))
        if text := found.get(f"{folder}/{process}"):
            return json.loads(text)
        raise_failure()
        time.sleep(POLL_S)


@contextmanager
def primary_first(name: str) -> Iterator[None]:
    """Inside `with`, process 0 is alone; the others follow when it has finished.

    Args:
        name: of the part; each name is used once.
    """
    if not is_primary():
        wait_for(name)
    yield
    if is_primary():
        publish(name)


def any_process(*flags: bool) -> tuple[bool, ...]:
    """Whether each of `flags` is true in any process; all must call it, after the same step."""
    if count() == 1:
        return flags
    everywhere = multihost_utils.process_allgather(np.array(flags))
    return tuple(map(bool, everywhere.reshape(-1, len(flags)).any(0)))


def report_failure(line: str, status: int) -> None:
    """Publishes why this process ends, and gives the others time to read it."""
    client = get_client()
    if client is not None and count() > 1:
        text = json.dumps([line, status])
        client.key_value_set(f"{FAILED}/{jax.process_index()}", text, allow_overwrite=True)
        time.sleep(LINGER_S)


def raise_failure() -> None:
    """Raises ProcessError if another process has reported its failure."""
    for key, text in get_client().key_value_dir_get(FAILED):
        process = int(key.rpartition("/")[2])
        if process != jax.process_index():
            raise ProcessError(process, *json.loads(text))


def check_equal(name: str, facts: Mapping[str, Any], remedy: str) -> None:
    """Checks that all processes have the same facts.

    Args:
        name: of the facts; each name is used once.
        facts: JSON types by name; what is compared.
        remedy: what a person can do about a difference.

    Raises:
        UserError: names the first difference, in every process.
    """
    first, *others = exchange(name, dict(facts))
    for process, other in enumerate(others, start=1):
        for fact in sorted({*first, *other}):
            if first.get(fact) != other.get(fact):
                raise UserError(
                    f"{fact} is {first.get(fact)!r} in process 0 and {other.get(fact)!r} in "
                    f"process {process}: {remedy}"
                )
