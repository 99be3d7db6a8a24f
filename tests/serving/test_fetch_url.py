"""Attacks on the fetching of URLs; a fake resolver and a listener play the internet."""

import time

import pytest

from gv_jax.serving.fetch_url import FetchError, FetchLimits, connect_to, fetch_url
from tests.serving.listeners import PUBLIC, drip, flood, open_network, respond, send

IMAGE = b"\x89PNG image"
INTERNAL = ["127.0.0.1", "169.254.169.254", "100.100.100.200", "::1", "fec0::1", "64:ff9b::7f00:1"]


def fetch(url, network, **limits):
    return fetch_url(url, FetchLimits(**limits), network.resolve, network.connect)


def refuse(url, network, **limits):
    """Fetches what is an error, of one line."""
    with pytest.raises(FetchError) as caught:
        fetch(url, network, **limits)
    assert "\n" not in str(caught.value)


def test_a_public_url_is_fetched_from_the_examined_address():
    with open_network({"a.example": [[PUBLIC]]}, send(respond(body=IMAGE))) as network:
        assert fetch("http://a.example/b%20c.png?x=1#y", network) == IMAGE
    assert network.connected == [(PUBLIC, 80)]
    request = network.requests[0].decode().split("\r\n")
    assert request[0] == "GET /b%20c.png?x=1 HTTP/1.1"
    assert "Host: a.example" in request


def test_names_of_other_scripts_and_paths_are_encoded():
    names = {"xn--bcher-kva.example": [[PUBLIC]]}
    with open_network(names, send(respond(body=IMAGE))) as network:
        fetch("http://bücher.example/ü?ü", network)
    request = network.requests[0].decode("ascii")
    assert request.startswith("GET /%C3%BC?%C3%BC HTTP/1.1\r\nHost: xn--bcher-kva.example\r\n")


@pytest.mark.parametrize("address", INTERNAL)
def test_a_name_of_an_internal_address_is_not_connected(address):
    with open_network({"a.example": [[address]]}) as network:
        refuse("http://a.example/", network)
    assert network.connected == []


def test_one_internal_address_among_public_ones_is_enough():
    with open_network({"a.example": [[PUBLIC, "10.0.0.1"]]}) as network:
        refuse("http://a.example/", network)
    assert network.connected == []


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "2130706433", "0x7f000001", "017700000001", "127.1", "[::1]", "[::ffff:7f00:1]"],
)
def test_spellings_of_loopback(host):
    names = {host.strip("[]"): [["::1" if "[" in host else "127.0.0.1"]]}  # as a system resolves
    with open_network(names) as network:
        refuse(f"http://{host}/", network)
    assert network.connected == []


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "0x7f000001", "2130706433", "[::1]"])
def test_spellings_of_loopback_with_the_resolver_of_the_system(host):
    connected = []
    with pytest.raises(FetchError):
        fetch_url(f"http://{host}/", connect=lambda *target: connected.append(target))
    assert connected == []


def test_dots_of_other_scripts_are_resolved_and_examined():
    with open_network({"127.0.0.1": [["127.0.0.1"]]}) as network:
        refuse("http://127。0。0。1/", network)
    assert network.connected == []


def test_a_second_resolution_has_no_effect():
    names = {"rebind.example": [[PUBLIC], ["127.0.0.1"]]}
    with open_network(names, send(respond(body=IMAGE))) as network:
        assert fetch("http://rebind.example/", network) == IMAGE
    assert network.resolved == ["rebind.example"]
    assert network.connected == [(PUBLIC, 80)]


def test_a_redirect_that_rebinds_is_not_connected():
    names = {"rebind.example": [[PUBLIC], ["127.0.0.1"]]}
    with open_network(names, send(respond(302, Location="/again"))) as network:
        refuse("http://rebind.example/", network)
    assert network.connected == [(PUBLIC, 80)]


@pytest.mark.parametrize(
    "location",
    [
        *(
            "http://169.254.169.254/latest/meta-data/",
            "http://127.0.0.1:8080/",
            "file:///etc/passwd",
        ),
        *("gopher://a.example/", "//user:word@a.example/", "http://a.example:22/", "http://[::1]/"),
        *("http://b.example/", "ftp://a.example/", "data:text/plain,x"),
    ],
)
def test_redirects_to_what_may_not_be_fetched(location):
    names = {
        "a.example": [[PUBLIC]],
        "b.example": [["192.168.0.1"]],
        "169.254.169.254": [["169.254.169.254"]],
        "::1": [["::1"]],
    }
    with open_network(names, send(respond(302, Location=location))) as network:
        refuse("http://a.example/", network)
    assert network.connected == [(PUBLIC, 80)]


@pytest.mark.parametrize(("redirects", "fetched"), [(3, True), (4, False)])
def test_three_redirects_are_followed(redirects, fetched):
    scripts = [send(respond(302, Location=f"/{number}")) for number in range(redirects)]
    names = {"a.example": [[PUBLIC]]}
    with open_network(names, *scripts, send(respond(body=IMAGE))) as network:
        if fetched:
            assert fetch("http://a.example/", network) == IMAGE
        else:
            refuse("http://a.example/", network)
    assert len(network.connected) == 4


@pytest.mark.parametrize(
    "url",
    [
        *("file:///etc/passwd", "ftp://a.example/", "gopher://a.example/", "/etc/passwd", ""),
        *("http://user@a.example/", "http://user:word@a.example/", "http://a.example@127.0.0.1/"),
        *("http://a.example:22/", "http://a.example:8080/", "http://a.example:0/", "http://a:x/"),
        *("http://a.example/\r\nX: y", "http://a.example\\@127.0.0.1/", "http://a .example/"),
        *("http://a.example/\tb", "http://[fe80::1%25eth0]/", "http:///", "http://[::1/"),
        *(
            "http://" + "a" * 3000,
            "http://" + "a" * 70 + ".example/",
            "http://a..example/",
            "x" * 9,
        ),
        *("HTTPS:a.example", "http://a.example:443443/", "jar:http://a.example!/"),
    ],
)
def test_urls_that_are_refused_without_resolution(url):
    with open_network({}) as network:
        refuse(url, network)
    assert network.resolved == []


def test_an_announced_length_above_the_limit():
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"
    with open_network({"a.example": [[PUBLIC]]}, flood(head, b"x" * 65_536)) as network:
        refuse("http://a.example/", network, bytes=1_000_000)


def test_an_endless_chunked_body():
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    with open_network({"a.example": [[PUBLIC]]}, flood(head, chunk)) as network:
        refuse("http://a.example/", network, bytes=1_000_000)


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_endless_headers(head):
    repeated = head if head.startswith(b"HTTP/1.1 100") else b"X: y\r\n"
    with open_network({"a.example": [[PUBLIC]]}, flood(head, repeated)) as network:
        refuse("http://a.example/", network, bytes=100_000, seconds=2)


@pytest.mark.parametrize(
    "script",
    [
        drip(respond(body=IMAGE * 100), 0.05),
        drip(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100, 0.05),
        lambda connection: time.sleep(0.5),
    ],
)
def test_a_slow_host_ends_with_the_total_time(script):
    begin = time.monotonic()
    with open_network({"a.example": [[PUBLIC]]}, script) as network:
        refuse("http://a.example/", network, seconds=0.3)
        assert time.monotonic() - begin < 0.8


def test_redirects_share_the_time():
    scripts = [drip(respond(302, Location="/"), 0.005)] * 4
    begin = time.monotonic()
    with open_network({"a.example": [[PUBLIC]]}, *scripts) as network:
        refuse("http://a.example/", network, seconds=0.4)
        assert time.monotonic() - begin < 0.9


def test_a_slow_resolver_ends_with_the_time():
    begin = time.monotonic()
    with pytest.raises(FetchError):
        fetch_url("http://a.example/", FetchLimits(seconds=0.1), lambda *_: time.sleep(0.5) or [])
    assert time.monotonic() - begin < 0.4


def test_proxies_of_the_environment_are_not_used(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with open_network({"a.example": [[PUBLIC]]}, send(respond(body=IMAGE))) as network:
        assert fetch("http://a.example/", network) == IMAGE
    assert network.requests[0].startswith(b"GET / HTTP/1.1")


def test_https_is_verified_for_the_name_of_the_url():
    seen = []

    class Context:
        def wrap_socket(self, raw, server_hostname):
            seen.append(server_hostname)
            return raw

    with open_network({"a.example": [[PUBLIC]]}, send(respond(body=IMAGE))) as network:
        url = "https://a.example/"
        assert fetch_url(url, None, network.resolve, network.connect, Context()) == IMAGE
    assert seen == ["a.example"]
    assert network.connected == [(PUBLIC, 443)]


def test_a_host_that_does_not_speak_tls():
    with open_network({"a.example": [[PUBLIC]]}, send(b"HTTP/1.1 400 no\r\n\r\n")) as network:
        refuse("https://a.example/", network, seconds=2)


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"\x00" * 100, b"SSH-2.0-OpenSSH_9\r\n", b"HTTP/1.1 abc\r\n\r\n", respond(404)),
        *(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort", respond(302), respond(204)),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_responses_that_are_no_file(data):
    with open_network({"a.example": [[PUBLIC]]}, send(data)) as network:
        refuse("http://a.example/", network)


def test_the_next_address_is_tried_within_those_resolved():
    connected = []
    with open_network({"a.example": [["8.8.8.8", PUBLIC]]}, send(respond(body=IMAGE))) as network:

        def connect(address, port, timeout):
            connected.append(address)
            if address == "8.8.8.8":
                raise ConnectionRefusedError
            return network.connect(address, port, timeout)

        assert fetch_url("http://a.example/", None, network.resolve, connect) == IMAGE
    assert connected == ["8.8.8.8", PUBLIC]


def test_an_unknown_host():
    with open_network({}) as network:
        refuse("http://nowhere.example/", network)


def test_the_connector_takes_numeric_addresses():
    with open_network({}, send(b"")) as network:
        connection = connect_to("127.0.0.1", network.port, 1)
        assert connection.getpeername()[0] == "127.0.0.1"
        connection.close()
