"""A Ray cluster of two nodes on this machine, one of which can be killed."""

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any

import psutil
import pytest

from tests.jobs.study import ROOT


class TwoNodes:
    """Context manager of a cluster with one core on each node."""

    def __enter__(self) -> "TwoNodes":
        from ray.cluster_utils import Cluster

        self._patch = pytest.MonkeyPatch()
        self._patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        self._patch.setenv("PYTHONPATH", str(ROOT))
        head = {"num_cpus": 1, "include_dashboard": False}
        self._cluster = Cluster(initialize_head=True, head_node_args=head)
        self._second = self._cluster.add_node(num_cpus=1)
        self.address = self._cluster.address
        return self

    def kill_second(self) -> list[str]:
        """Kills the node that is not the head with all its processes, as a power failure does.

        Returns:
            The command lines of the processes that its tasks had started.
        """
        processes = [psutil.Process(info.process.pid) for info in self._processes()]
        tree = [child for process in processes for child in process.children(recursive=True)]
        commands = [" ".join(process.cmdline()) for process in tree]
        self._cluster.remove_node(self._second, allow_graceful=False)
        for process in tree:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        return commands

    def _processes(self) -> list[Any]:
        return [info for infos in self._second.all_processes.values() for info in infos]

    def __exit__(self, *_: object) -> None:
        import ray

        ray.shutdown()
        self._cluster.shutdown()
        self._patch.undo()


def when(condition: Callable[[], bool], action: Callable[[], object]) -> threading.Thread:
    """Starts a thread that calls `action` as soon as `condition` holds."""

    def wait() -> None:
        deadline = time.monotonic() + 120
        while not condition() and time.monotonic() < deadline:
            time.sleep(0.05)
        action()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread
