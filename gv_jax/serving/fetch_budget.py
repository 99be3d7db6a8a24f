"""What a fetch may use, and a socket whose reads and writes end with it."""

import io
import socket
import time
from dataclasses import dataclass, field

from gv_jax.errors import UserError


class FetchError(UserError):
    """Why a URL is not fetched."""


@dataclass(frozen=True)
class FetchLimits:
    """What one fetch, redirects included, may use.

    Attributes:
        bytes: Received bytes, headers included.
        seconds: Wall-clock time.
        redirects: Number of redirects that are followed.
    """

    bytes: int = 10_000_000
    seconds: float = 10.0
    redirects: int = 3


@dataclass
class Budget:
    """What is left of the limits."""

    limits: FetchLimits
    received: int = 0
    deadline: float = field(init=False)

    def __post_init__(self) -> None:
        self.deadline = time.monotonic() + self.limits.seconds

    def remaining(self) -> float:
        """Seconds left.

        Raises:
            FetchError: None is left.
        """
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise self.too_slow()
        return left

    def count(self, size: int) -> None:
        """Adds received bytes.

        Raises:
            FetchError: They are more than the limit.
        """
        self.received += size
        if self.received > self.limits.bytes:
            raise FetchError(f"the URL sends more than {self.limits.bytes / 1e6:g} MB")

    def too_slow(self) -> FetchError:
        return FetchError(f"the URL took longer than {self.limits.seconds:g} s")


class Connection:
    """A socket as http.client uses it; every read and write ends with the budget."""

    def __init__(self, raw: socket.socket, budget: Budget) -> None:
        self.raw, self.budget = raw, budget

    def sendall(self, data: bytes) -> None:
        self.raw.settimeout(self.budget.remaining())
        self.raw.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(BudgetReader(self.raw, self.budget))

    def close(self) -> None:
        self.raw.close()

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class BudgetReader(io.RawIOBase):
    """Reads from a socket within the budget."""

    def __init__(self, raw: socket.socket, budget: Budget) -> None:
        self.raw, self.budget = raw, budget

    def readable(self) -> bool:
        return True

    # the base class accepts any writable buffer
    def readinto(self, buffer: memoryview) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        self.raw.settimeout(self.budget.remaining())
        size = self.raw.recv_into(buffer)
        self.budget.count(size)
        return size
