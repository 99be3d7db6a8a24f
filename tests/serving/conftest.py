"""No test of the server may leave loopback."""

import ipaddress
import socket

import pytest


@pytest.fixture(autouse=True)
def strict():
    """Orbax promotes dtypes itself."""


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch):
    """Connections to other addresses, and resolution of names, fail the test."""
    connect, resolve = socket.socket.connect, socket.getaddrinfo

    def parse(host):
        numeric = host if ":" in host else socket.inet_aton(host)  # also 127.1 and 0x7f000001
        return ipaddress.ip_address(numeric)

    def guarded_connect(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6):
            assert parse(address[0]).is_loopback, address
        return connect(self, address)

    def guarded_resolve(host, *arguments, **options):
        text = host.decode() if isinstance(host, bytes) else host
        if text not in (None, "localhost"):
            parse(text)  # an OSError for a name; numbers are not sent to a name server
        return resolve(host, *arguments, **options)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_resolve)
