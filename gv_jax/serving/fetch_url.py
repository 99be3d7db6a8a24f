"""Fetches a URL that a client gives, without giving the client the server's view of the network.

A host name is resolved once; unless all of its addresses are public, nothing is connected. The
connection goes to an examined address, so a second resolution cannot replace it; the request's Host
and the TLS server name remain those of the URL. Every redirect is examined in the same way. Proxies
of the environment are not used. Time and bytes are counted while the response arrives.
"""

import http.client
import socket
import ssl
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from urllib.parse import quote, urljoin, urlsplit

from gv_jax.serving.addresses import is_public
from gv_jax.serving.fetch_budget import Budget, Connection, FetchError, FetchLimits

MAX_URL_LENGTH = 2048
DEFAULT_PORTS = {"http": 80, "https": 443}
REDIRECTS = (301, 302, 303, 307, 308)
CHUNK_BYTES = 65_536
SAFE_CHARACTERS = "/%:@!$&'()*+,;=~?"  # unchanged in paths and queries

Resolve = Callable[[str, int], Sequence[str]]
Connect = Callable[[str, int, float], socket.socket]


@dataclass(frozen=True)
class Target:
    """A URL that passed all checks that need no network.

    Attributes:
        scheme: "http" or "https".
        host: In ASCII, without brackets.
        port: 80 or 443.
        path: Path and query, quoted.
    """

    scheme: str
    host: str
    port: int
    path: str


def resolve_host(host: str, port: int) -> list[str]:
    """All addresses of a host, in the order of the system's resolver."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def connect_to(address: str, port: int, timeout: float) -> socket.socket:
    """A TCP connection to a numeric address."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.settimeout(timeout)
        connection.connect((address, port))
    except BaseException:
        connection.close()
        raise
    return connection


def fetch_url(
    url: str,
    limits: FetchLimits | None = None,
    resolve: Resolve = resolve_host,
    connect: Connect = connect_to,
    context: ssl.SSLContext | None = None,
) -> bytes:
    """The body of the response to a GET request.

    Args:
        url: http or https on port 80 or 443, without credentials.
        limits: Of bytes, time and redirects.
        resolve: (host, port) -> numeric addresses.
        connect: (numeric address, port, seconds) -> a connected socket.
        context: Verifies the certificates of https; that of the standard library.

    Raises:
        FetchError: The URL, or one that it redirects to, may not be fetched, or cannot be.
    """
    budget = Budget(limits or FetchLimits())
    for _ in range(budget.limits.redirects + 1):
        target = parse_url(url)
        addresses = resolve_public(target, budget, resolve)
        try:
            connection = open_connection(target, addresses, budget, connect, context)
            with connection:
                response = send_request(connection, target)
                location = response.getheader("Location")
                if response.status in REDIRECTS and location:
                    url = urljoin(url, location)
                    continue
                if response.status != 200:
                    raise FetchError(f"{target.host} responded with status {response.status}")
                return read_body(response)
        except TimeoutError as error:
            raise budget.too_slow() from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
            raise FetchError(f"{target.host} cannot be read ({reason})") from error
    raise FetchError(f"the URL redirects more than {budget.limits.redirects} times")


def parse_url(url: str) -> Target:
    """The target of a URL.

    Raises:
        FetchError: It is no URL of http or https on port 80 or 443, or it has credentials.
    """
    if len(url) > MAX_URL_LENGTH:
        raise FetchError(f"the URL has more than {MAX_URL_LENGTH} characters")
    if any(character <= " " or character in "\\\x7f" for character in url):
        raise FetchError("the URL has a space, a backslash or a control character")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise FetchError(f"this is no URL ({error})") from error
    if parts.scheme not in DEFAULT_PORTS:
        raise FetchError("the URL must begin with http:// or https://")
    if "@" in parts.netloc:
        raise FetchError("the URL has a user name or password: give one without")
    try:
        ascii_host = host if ":" in host else host.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise FetchError("the URL has no valid host name") from error
    if not ascii_host or "%" in ascii_host:
        raise FetchError("the URL has no valid host name")
    port = DEFAULT_PORTS[parts.scheme] if port is None else port
    if port not in DEFAULT_PORTS.values():
        raise FetchError(f"the URL has port {port}: only 80 and 443 are fetched")
    query = f"?{parts.query}" if parts.query else ""
    path = quote((parts.path or "/") + query, safe=SAFE_CHARACTERS)
    return Target(parts.scheme, ascii_host, port, path)


def resolve_public(target: Target, budget: Budget, resolve: Resolve) -> list[str]:
    """The addresses of a host, resolved once.

    Raises:
        FetchError: There are none, or one of them is not public.
    """
    executor = ThreadPoolExecutor(1)  # the system's resolver has no time limit
    try:
        future = executor.submit(resolve, target.host, target.port)
        addresses = list(future.result(budget.remaining()))
    except FutureTimeoutError as error:
        raise budget.too_slow() from error
    except (OSError, UnicodeError) as error:
        raise FetchError(f"the host {target.host} is not known") from error
    finally:
        executor.shutdown(wait=False)
    if not addresses:
        raise FetchError(f"the host {target.host} is not known")
    if not all(is_public(address) for address in addresses):
        raise FetchError(f"the host {target.host} is not on the public internet")
    return addresses


def open_connection(
    target: Target,
    addresses: Sequence[str],
    budget: Budget,
    connect: Connect,
    context: ssl.SSLContext | None,
) -> Connection:
    """Connects to the first address that accepts; TLS is verified for the host of the URL."""
    failure: OSError | None = None
    for address in addresses:
        try:
            raw = connect(address, target.port, budget.remaining())
        except OSError as error:
            failure = error
            continue
        if target.scheme == "https":
            raw.settimeout(budget.remaining())
            try:
                context = context or ssl.create_default_context()
                raw = context.wrap_socket(raw, server_hostname=target.host)
            except BaseException:
                raw.close()
                raise
        return Connection(raw, budget)
    raise failure or OSError("no address")


def send_request(connection: Connection, target: Target) -> http.client.HTTPResponse:
    """Sends the GET request and reads the headers of its response."""
    host = f"[{target.host}]" if ":" in target.host else target.host
    port = "" if target.port == DEFAULT_PORTS[target.scheme] else f":{target.port}"
    lines = (
        f"GET {target.path} HTTP/1.1",
        f"Host: {host}{port}",
        "User-Agent: gv_jax",
        "Accept: image/*, video/*",
        "Accept-Encoding: identity",
        "Connection: close",
    )
    connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("ascii"))
    # of a socket, it needs `makefile` only
    response = http.client.HTTPResponse(connection, method="GET")  # pyright: ignore[reportArgumentType]
    response.begin()
    return response


def read_body(response: http.client.HTTPResponse) -> bytes:
    """The whole body; an incomplete one raises http.client.IncompleteRead."""
    body = b"".join(iter(lambda: response.read(CHUNK_BYTES), b""))
    if response.length:  # bytes that were announced and did not arrive
        raise http.client.IncompleteRead(body, response.length)
    return body
