"""Counters of the server as text that Prometheus reads."""

from collections import Counter

from gv_jax.serving.worker import Worker

BUCKETS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)  # seconds


class Metrics:
    """Counts the requests of known routes; not for several threads.

    Attributes:
        requests: (route, status) -> number.
    """

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, int]] = Counter()
        self._buckets: Counter[float] = Counter()
        self._seconds = 0.0

    def observe(self, route: str, status: int, seconds: float) -> None:
        """Counts one response."""
        self.requests[route, status] += 1
        self._seconds += seconds
        for bound in BUCKETS:
            self._buckets[bound] += seconds <= bound

    def render(self, worker: Worker) -> str:
        """The text exposition format, version 0.0.4."""
        total = sum(self.requests.values())
        lines = [
            "# HELP gv_jax_requests_total Responses by route and status.",
            "# TYPE gv_jax_requests_total counter",
            *(
                f'gv_jax_requests_total{{route="{route}",status="{status}"}} {count}'
                for (route, status), count in sorted(self.requests.items())
            ),
            "# HELP gv_jax_request_seconds Time from request to response.",
            "# TYPE gv_jax_request_seconds histogram",
            *(
                f'gv_jax_request_seconds_bucket{{le="{bound:g}"}} {self._buckets[bound]}'
                for bound in BUCKETS
            ),
            f'gv_jax_request_seconds_bucket{{le="+Inf"}} {total}',
            f"gv_jax_request_seconds_sum {self._seconds:.6f}",
            f"gv_jax_request_seconds_count {total}",
        ]
        single = {
            "queue_length": ("gauge", "Calls that wait for the models.", worker.depth),
            "batches_total": ("counter", "Calls of the models.", worker.num_batches),
            "batch_items_total": ("counter", "Items of these calls.", worker.num_items),
            "busy_total": ("counter", "Calls refused with 503.", worker.num_refused),
        }
        for name, (kind, text, value) in single.items():
            lines += [
                f"# HELP gv_jax_{name} {text}",
                f"# TYPE gv_jax_{name} {kind}",
                f"gv_jax_{name} {value}",
            ]
        return "\n".join(lines) + "\n"
