"""Load on a server of a classifier: throughput, latency, memory, and time to first prediction.

    python -m benchmarks.serve RUN [--clients 50] [--seconds 60]

Starts `gv-jax serve RUN` on loopback. Every client sends one image after the other; when the server
is busy it waits as long as Retry-After says, at most --max-wait seconds. Prints one JSON line:
{"first_prediction_seconds", "clients", "seconds", "statuses", "predictions_per_second", "p50_ms",
"p95_ms", "max_ms", "memory_mb"}. "memory_mb" is the resident memory of the server after each tenth
of the time. Latencies are of requests with status 200.
"""

import argparse
import http.client
import io
import json
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)")
BOUNDARY = "boundary0123456789"
SAMPLES = 10  # of the memory


def make_body(data: bytes) -> bytes:
    """A form with one file."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
    return head.encode() + data + f"\r\n--{BOUNDARY}--\r\n".encode()


def draw_images(count: int) -> list[bytes]:
    """PNG files of 64x64 random pixels."""
    rng = np.random.default_rng(0)
    files = []
    for _ in range(count):
        buffer = io.BytesIO()
        Image.fromarray(rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(buffer, "PNG")
        files.append(buffer.getvalue())
    return files


def start_server(run: str) -> tuple["subprocess.Popen[str]", int]:
    """The process of the server, and its port."""
    command = [sys.executable, "-m", "gv_jax", "serve", run, "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    match = ADDRESS.search(process.stdout.readline())
    assert match, "the server did not start"
    return process, int(match[1])


def send(connection: http.client.HTTPConnection, body: bytes) -> tuple[int, float]:
    """Status and Retry-After of a prediction."""
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    connection.request("POST", "/api/v1/predict", body, headers)
    response = connection.getresponse()
    response.read()
    return response.status, float(response.getheader("Retry-After") or 0)


class Load:
    """What all clients together measure."""

    def __init__(self, port: int, bodies: Sequence[bytes], seconds: float, max_wait: float) -> None:
        self.port, self.bodies, self.max_wait = port, bodies, max_wait
        self.end = time.monotonic() + seconds
        self.statuses: Counter[str] = Counter()
        self.latencies: list[float] = []
        self.lock = threading.Lock()

    def run_client(self, number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        index = number
        while time.monotonic() < self.end:
            begin, wait = time.monotonic(), 0.0
            try:
                code, wait = send(connection, self.bodies[index % len(self.bodies)])
                status = str(code)
            except (OSError, http.client.HTTPException) as error:
                status = type(error).__name__
                connection.close()
            with self.lock:
                self.statuses[status] += 1
                if status == "200":
                    self.latencies.append(time.monotonic() - begin)
            index += 1
            time.sleep(min(wait, self.max_wait))


def read_memory(pid: int) -> float:
    """Resident memory of a process in MB."""
    match = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(match[1]) / 1024 if match else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description="load on a server of a classifier")
    parser.add_argument("run")
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--max-wait", type=float, default=1.0)
    options = parser.parse_args()
    bodies = [make_body(data) for data in draw_images(64)]
    begin = time.monotonic()
    process, port = start_server(options.run)
    try:
        first = send(http.client.HTTPConnection("127.0.0.1", port, timeout=60), bodies[0])
        first_seconds = time.monotonic() - begin
        assert first[0] == 200
        load = Load(port, bodies, options.seconds, options.max_wait)
        threads = [
            threading.Thread(target=load.run_client, args=[number])
            for number in range(options.clients)
        ]
        for thread in threads:
            thread.start()
        memory = []
        for _ in range(SAMPLES):
            time.sleep(options.seconds / SAMPLES)
            memory.append(round(read_memory(process.pid)))
        for thread in threads:
            thread.join()
    finally:
        process.terminate()
        process.wait()
    p50, p95, longest = (1000 * np.quantile(load.latencies, q) for q in (0.5, 0.95, 1))
    result = {
        "first_prediction_seconds": round(first_seconds, 2),
        "clients": options.clients,
        "seconds": options.seconds,
        "statuses": dict(load.statuses),
        "predictions_per_second": round(len(load.latencies) / options.seconds, 1),
        "p50_ms": round(p50),
        "p95_ms": round(p95),
        "max_ms": round(longest),
        "memory_mb": memory,
    }
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
