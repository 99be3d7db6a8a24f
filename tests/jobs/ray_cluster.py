"""A Ray cluster of two nodes on this machine, one of which can be killed."""

import threading
import time
from collections.abc import Callable

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

    def kill_second(self) -> None:
        """Kills the node that is not the head."""
        self._cluster.remove_node(self._second, allow_graceful=False)

    def __exit__(self, *_: object) -> None:
        import ray

        ray.shutdown()
        self._cluster.shutdown()
        self._patch.undo()


def when(condition: Callable[[], bool], action: Callable[[], None]) -> threading.Thread:
    """Starts a thread that calls `action` as soon as `condition` holds."""

    def wait() -> None:
        deadline = time.monotonic() + 120
        while not condition() and time.monotonic() < deadline:
            time.sleep(0.05)
        action()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread
