"""What every request passes before it reaches a route, and every response before it leaves.

A browser runs pages of other sites beside ours. They must not send requests in the user's name
(cross-origin requests), must not reach a local server under a name of their own (DNS rebinding),
and must not show our page inside theirs (framing).
"""

import asyncio
import time
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gv_jax.serving.limits import Limits
from gv_jax.serving.metrics import Metrics

SAFE_METHODS = ("GET", "HEAD")
LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "::1")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors {ancestors}"
)


class Guard:
    """ASGI middleware: checks requests, limits bodies, adds headers, counts responses.

    Args:
        app: The application.
        limits: Of the body.
        metrics: Counts the responses.
        hosts: Host names that a request may be for; None for all.
        ancestors: Sites that may show the page in a frame, as in a content security policy.
    """

    def __init__(
        self,
        app: ASGIApp,
        limits: Limits,
        metrics: Metrics,
        hosts: Collection[str] | None,
        ancestors: str = "'none'",
    ) -> None:
        self.app, self.limits, self.metrics, self.hosts = app, limits, metrics, hosts
        self.headers = {
            "content-security-policy": POLICY.format(ancestors=ancestors),
            "x-content-type-options": "nosniff",
            "referrer-policy": "no-referrer",
            "cross-origin-resource-policy": "same-origin",
            "cross-origin-opener-policy": "same-origin",
            "permissions-policy": "camera=(self), microphone=(), geolocation=()",
        }
        if ancestors == "'none'":
            self.headers["x-frame-options"] = "DENY"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            else:  # web sockets are not accepted
                await send({"type": "websocket.close"})
            return
        begin, status = time.monotonic(), 500

        async def send_guarded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *self._encode_headers()]
            await send(message)

        problem = self._find_problem(scope)
        app = self.app if problem is None else JSONResponse({"error": problem[1]}, problem[0])
        try:
            await app(scope, BodyLimit(scope, receive, self.limits), send_guarded)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            self.metrics.observe(route, status, time.monotonic() - begin)

    def _encode_headers(self) -> list[tuple[bytes, bytes]]:
        return [(name.encode(), value.encode()) for name, value in self.headers.items()]

    def _find_problem(self, scope: Scope) -> tuple[int, str] | None:
        """The status and message for a request that no route may see."""
        headers = collect_headers(scope)
        hosts = headers.get("host", [])
        if len(hosts) != 1 or split_host(hosts[0]) is None:
            return 400, "the request has no valid Host header"
        name = split_host(hosts[0])
        if self.hosts is not None and name not in self.hosts:
            return 421, f"this server is not {hosts[0]}: open it as localhost"
        if scope["method"] not in SAFE_METHODS and is_cross_origin(headers, hosts[0]):
            return 403, "requests from pages of other sites are refused"
        lengths = headers.get("content-length", [])
        if any(int(text) > self.limits.body_bytes for text in lengths if text.isdigit()):
            return 413, too_large(self.limits)
        return None


def collect_headers(scope: Scope) -> dict[str, list[str]]:
    """All values of each header, names in lower case."""
    collected: dict[str, list[str]] = {}
    for name, value in scope["headers"]:
        collected.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
    return collected


def split_host(host: str) -> str | None:
    """The name in a Host header, without port and brackets; None if it is not valid."""
    try:
        parts = urlsplit(f"//{host}")
        parts.port  # noqa: B018 - raises
    except ValueError:
        return None
    if parts.netloc != host or "@" in host:
        return None
    return parts.hostname


def is_cross_origin(headers: dict[str, list[str]], host: str) -> bool:
    """Whether a browser sent the request for a page of another origin.

    Other programs send neither header; they do not act for a user who visits another site.
    """
    sites = headers.get("sec-fetch-site", [])
    if sites:  # pages cannot set it; also right behind a proxy that changes Host
        return sites not in (["same-origin"], ["none"])
    origins = headers.get("origin", [])
    return bool(origins) and [urlsplit(origin).netloc for origin in origins] != [host]


def too_large(limits: Limits) -> str:
    return f"the request is too large: send at most {limits.body_bytes / 1e6:g} MB"


class BodyLimit:
    """Receives a body within the limits of bytes and time.

    Raises:
        HTTPException: With status 413 or 408, to the reader of the body.
    """

    def __init__(self, scope: Scope, receive: Receive, limits: Limits) -> None:
        self.receive, self.limits = receive, limits
        self.deadline = time.monotonic() + limits.body_seconds
        self.received, self.complete = 0, scope["method"] in SAFE_METHODS

    async def __call__(self) -> Message:
        if self.complete:  # waits for the client to disconnect
            return await self.receive()
        try:
            left = max(self.deadline - time.monotonic(), 0)
            message = await asyncio.wait_for(self.receive(), left)
        except TimeoutError:
            raise HTTPException(408, "the request did not arrive in time") from None
        self.received += len(message.get("body", b""))
        self.complete = not message.get("more_body", False)
        if self.received > self.limits.body_bytes:
            raise HTTPException(413, too_large(self.limits))
        return message
