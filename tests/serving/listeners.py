"""Local listeners that play hosts of the internet; every address leads to them."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

PUBLIC = "93.184.216.34"

Script = Callable[[socket.socket], None]


def respond(status: int = 200, body: bytes = b"", **headers: str) -> bytes:
    """The bytes of a response with its length."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def send(data: bytes) -> Script:
    """A script that sends data at once."""
    return lambda connection: connection.sendall(data)


def drip(data: bytes, seconds: float) -> Script:
    """A script that sends one byte, then waits, and so on."""

    def run(connection: socket.socket) -> None:
        for value in data:
            connection.sendall(bytes([value]))
            time.sleep(seconds)

    return run


def flood(head: bytes, chunk: bytes) -> Script:
    """A script that sends a chunk again and again."""

    def run(connection: socket.socket) -> None:
        connection.sendall(head)
        while True:
            connection.sendall(chunk)

    return run


@dataclass
class Network:
    """A resolver and a connector; nothing leaves loopback.

    Attributes:
        names: Host -> its addresses, for each resolution in turn; the last one repeats.
        scripts: What the listener does with one connection after the other.
        requests: What was sent to it.
        connected: (address, port) of every connection.
        resolved: Every resolved host.
    """

    names: dict[str, list[Sequence[str]]]
    scripts: list[Script]
    requests: list[bytes] = field(default_factory=list)
    connected: list[tuple[str, int]] = field(default_factory=list)
    resolved: list[str] = field(default_factory=list)
    port: int = 0

    def resolve(self, host: str, port: int) -> Sequence[str]:
        self.resolved.append(host)
        try:
            found = self.names[host]
        except KeyError:
            raise socket.gaierror(socket.EAI_NONAME, "unknown") from None
        return found.pop(0) if len(found) > 1 else found[0]

    def connect(self, address: str, port: int, timeout: float) -> socket.socket:
        self.connected.append((address, port))
        return socket.create_connection(("127.0.0.1", self.port), timeout)

    def serve(self, listener: socket.socket) -> None:
        for script in self.scripts:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                self.requests.append(connection.recv(65_536))
                script(connection)


@contextlib.contextmanager
def open_network(names: dict[str, list[Sequence[str]]], *scripts: Script) -> Iterator[Network]:
    """A network whose listener runs until the end of the block."""
    network = Network(names, list(scripts))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        network.port = listener.getsockname()[1]
        thread = threading.Thread(target=network.serve, args=[listener], daemon=True)
        thread.start()
        yield network
        with contextlib.suppress(OSError):  # wakes the thread up
            listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)
