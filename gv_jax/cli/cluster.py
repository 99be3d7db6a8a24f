"""The processes that a training is divided among: options, and detection of SLURM and Cloud TPUs.

Imports nothing heavy.
"""

import argparse
import os
import re
import socket
import time
from collections.abc import Mapping
from typing import NamedTuple

from gv_jax.errors import UserError
from gv_jax.training.lease import STATUS_VARIABLE

AUTO = "auto"  # value of --coordinator
DEFAULT_TIMEOUT_S = 100
MIN_JOIN_S = 5  # seconds for a process that reached the coordinator late
RETRY_S = 0.2  # seconds between two attempts to reach the coordinator
ADDRESS = re.compile(r"(?P<host>[^:\s]+|\[[0-9A-Fa-f:]+\]):(?P<port>\d{1,5})")


class Cluster(NamedTuple):
    """The processes of one run, and which of them this one is.

    Attributes:
        coordinator: "HOST:PORT" of process 0; "": jax.distributed finds all three.
        num_processes: of the run; 0: unknown yet.
        process_id: of this process, from 0; -1: unknown yet.
        timeout: seconds within which the processes must meet, and after which a silent one counts
            as dead.
    """

    coordinator: str
    num_processes: int
    process_id: int
    timeout: int


def add_cluster_flags(parser: argparse.ArgumentParser) -> None:
    """Adds --coordinator, --num-processes, --process-id and --coordinator-timeout to a parser."""
    group = parser.add_argument_group("several processes or hosts (docs/scaling.md)")
    group.add_argument(
        "--coordinator",
        metavar="HOST:PORT",
        default="",
        help="address of process 0, the same in all processes; auto: as JAX detects it",
    )
    group.add_argument("--num-processes", type=int, metavar="N", help="processes of the run")
    group.add_argument("--process-id", type=int, metavar="I", help="this process, 0 to N - 1")
    group.add_argument(
        "--coordinator-timeout",
        type=int,
        metavar="S",
        default=DEFAULT_TIMEOUT_S,
        help="seconds within which all processes must have started, and after which one that is "
        f"silent counts as dead ({DEFAULT_TIMEOUT_S})",
    )


def find_cluster(options: argparse.Namespace, environment: Mapping[str, str]) -> Cluster | None:
    """The processes of the options, or of a SLURM step or Cloud TPU slice of more than one.

    Args:
        options: of a parser with the flags above.
        environment: variables of this process.

    Returns:
        None where this process is the only one.

    Raises:
        UserError: options that are incomplete or do not fit each other.
    """
    timeout = options.coordinator_timeout
    if timeout < 1:
        raise UserError(f"--coordinator-timeout is {timeout}: it must be at least 1 second")
    named = {
        "--coordinator": options.coordinator or None,
        "--num-processes": options.num_processes,
        "--process-id": options.process_id,
    }
    if options.coordinator == AUTO:
        return Cluster("", options.num_processes or 0, -1, timeout)
    missing = [name for name, value in named.items() if value is None]
    if len(missing) == len(named):
        return detect_cluster(environment, timeout)
    if missing and options.num_processes != 1:
        raise UserError(
            f"{', '.join(missing)} is missing: give --coordinator, --num-processes and "
            "--process-id together, or none of them"
        )
    count, index = options.num_processes, options.process_id or 0
    if count < 1 or not 0 <= index < count:
        raise UserError(
            f"--process-id={index} does not fit --num-processes={count}: the processes are "
            f"0 to {max(count - 1, 0)}"
        )
    if count == 1:
        return None
    parse_address(options.coordinator)
    return Cluster(options.coordinator, count, index, timeout)


def detect_cluster(environment: Mapping[str, str], timeout: int) -> Cluster | None:
    """The processes of this SLURM step or Cloud TPU slice, if the variables name more than one.

    The engines of `search` and `ablate` start their runs as one process each, wherever they are.

    Args:
        environment: variables of this process.
        timeout: of the result.
    """
    if STATUS_VARIABLE in environment:
        return None
    count, index = environment.get("SLURM_STEP_NUM_TASKS", ""), environment.get("SLURM_PROCID", "")
    if count.isdigit() and index.isdigit() and int(count) > 1:
        return Cluster("", int(count), int(index), timeout)
    hosts = environment.get("TPU_PROCESS_ADDRESSES") or environment.get("TPU_WORKER_HOSTNAMES", "")
    index = environment.get("TPU_WORKER_ID", "")
    if environment.get("MEGASCALE_NUM_SLICES", "1") != "1":
        return Cluster("", 0, -1, timeout)
    if "," in hosts and index.isdigit():
        return Cluster("", len(hosts.split(",")), int(index), timeout)
    return None


def parse_address(address: str) -> tuple[str, int]:
    """Host and port of an address.

    Raises:
        UserError: it is none.
    """
    match = ADDRESS.fullmatch(address)
    if not match or not 0 < int(match["port"]) < 2**16:
        raise UserError(
            f"--coordinator={address} is no address: give HOST:PORT of process 0, as in "
            "--coordinator=node1:29400"
        )
    return match["host"].strip("[]"), int(match["port"])


def await_coordinator(cluster: Cluster) -> int:
    """Waits until process 0 can be reached; in process 0, checks that the port is free.

    JAX itself aborts, or crashes, where either is not so.

    Returns:
        Seconds that are left for the other processes.

    Raises:
        UserError: it is not.
    """
    if not cluster.coordinator:
        return cluster.timeout
    host, port = parse_address(cluster.coordinator)
    if cluster.process_id == 0:
        check_port(port)
        return cluster.timeout
    started = time.monotonic()
    while True:
        try:
            socket.create_connection((host, port), timeout=max(RETRY_S, 1.0)).close()
        except OSError as error:
            elapsed = time.monotonic() - started
            if elapsed > cluster.timeout:
                raise UserError(
                    f"--coordinator={cluster.coordinator}: process 0 was not reached within "
                    f"{cluster.timeout} s ({error.strerror or error}): start process 0 there, or "
                    "give its host and port"
                ) from error
            time.sleep(RETRY_S)
        else:
            return max(int(cluster.timeout - (time.monotonic() - started)), MIN_JOIN_S)


def check_port(port: int) -> None:
    """Raises UserError if no server can be started at a port of this machine."""
    has_ipv6 = socket.has_ipv6 and os.path.exists("/proc/net/if_inet6")
    family = socket.AF_INET6 if has_ipv6 else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind(("", port))
            server.listen(1)
        except OSError as error:
            raise UserError(
                f"process 0 cannot use port {port} ({error.strerror}): give all processes a "
                "--coordinator with another port"
            ) from error
