"""Listens on an address and serves runs until it is interrupted."""

import ipaddress
import os
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

import uvicorn

from gv_jax.errors import UserError
from gv_jax.inference.run import load_run
from gv_jax.serving.app import create_app
from gv_jax.serving.guard import LOOPBACK_HOSTS

MAX_CONNECTIONS = 256
IDLE_SECONDS, SHUTDOWN_SECONDS = 10, 5


def serve_runs(
    paths: Sequence[Path],
    listener: socket.socket,
    ready: Callable[[str], None],
    ancestors: str = "'none'",
) -> None:
    """Loads runs and serves them.

    Args:
        paths: Run directories.
        listener: As of `open_listener`.
        ready: Called with the address of the page once the runs are loaded.
        ancestors: Sites that may show the page in a frame, as in a content security policy.

    Raises:
        UserError: A run cannot be used.
    """
    host, port = listener.getsockname()[:2]
    hosts = LOOPBACK_HOSTS if is_loopback(listener) else None
    app = create_app([load_run(path) for path in paths], hosts, ancestors)
    ready(f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}")
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        limit_concurrency=MAX_CONNECTIONS,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    uvicorn.Server(config).run(sockets=[listener])


def is_loopback(listener: socket.socket) -> bool:
    """Whether only this computer reaches the listener."""
    return ipaddress.ip_address(listener.getsockname()[0]).is_loopback


def open_listener(host: str, port: int) -> socket.socket:
    """A socket that listens on an address.

    Args:
        host: Name or address of this computer.
        port: 0 for a free one.

    Raises:
        UserError: It is no address of this computer, or the port is in use.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=128)
    except (OSError, UnicodeError) as error:
        number = getattr(error, "errno", None) or 0  # negative if a name is not known
        reason = os.strerror(number) if number > 0 else "no such address"
        raise UserError(
            f"cannot listen on {host} port {port} ({reason}): give another --port or --host"
        ) from error
