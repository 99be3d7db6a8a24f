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

    def check(host):
        if host not in (None, "localhost"):
            numeric = host if ":" in host else socket.inet_aton(host)  # also 127.1, 0x7f000001
            assert ipaddress.ip_address(numeric).is_loopback, host

    def guarded_connect(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6):
            check(address[0])
        return connect(self, address)

    def guarded_resolve(host, *arguments, **options):
        check(host.decode() if isinstance(host, bytes) else host)
        return resolve(host, *arguments, **options)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_resolve)
