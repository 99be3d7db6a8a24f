"""Attacks on the running server; attacks by URL are in test_fetch_url.py."""

import asyncio
import io
import os
import re
import socket
import zipfile

import pytest
from starlette.websockets import WebSocketDisconnect

from gv_jax.serving.app import create_app
from gv_jax.serving.fetch_url import fetch_url
from gv_jax.serving.limits import Limits
from tests.serving.clients import open_client, post
from tests.serving.fake_runs import FakeClassifier, FakeColorizer, FakeUpscaler
from tests.serving.images import animate, encode, png_bomb

SECRET = re.compile(r"root:|/secret/|Traceback|site-packages")


@pytest.fixture(scope="module")
def client():
    limits = Limits(body_bytes=200_000, files=5, pixels=10_000, output_pixels=400, frames=3)
    runs = FakeClassifier(), FakeColorizer(), FakeUpscaler()
    with open_client(*runs, limits=limits, fetch=fetch_url) as client:
        yield client


def refused(response, *statuses):
    """Checks that a response is a JSON error of one line that tells nothing of the server."""
    assert response.status_code in statuses, response.text
    assert list(response.json()) == ["error"]
    assert "\n" not in response.json()["error"]
    assert not SECRET.search(response.text)


# content


def test_a_body_above_the_limit(client):
    refused(post(client, "predict", ("a.png", b"x" * 300_000)), 413)


def test_a_body_above_the_limit_without_a_length(client):
    parts = (b"x" * 10_000 for _ in range(100))
    headers = {"content-type": "multipart/form-data; boundary=x"}
    refused(client.post("/api/v1/predict", content=parts, headers=headers), 413, 400)


def test_a_body_that_does_not_arrive():
    app = create_app([FakeClassifier()], None, limits=Limits(body_seconds=0.05))
    sent = []

    async def receive():
        await asyncio.sleep(5)

    async def send(message):
        sent.append(message)

    headers = [(b"host", b"a"), (b"content-type", b"multipart/form-data; boundary=x")]
    scope = {"type": "http", "method": "POST", "path": "/api/v1/predict", "headers": headers}
    scope |= {"query_string": b"", "http_version": "1.1", "scheme": "http", "root_path": ""}
    asyncio.run(app(scope, receive, send))
    assert sent[0]["status"] == 408


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00" * 100,
        b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
        b"<!DOCTYPE html><script>alert(1)</script>",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) run",
        b"%PDF-1.7",
        b"II*\x00" + b"\x00" * 50,
        b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"PK\x03\x04" + b"\x00" * 50,
        b"/etc/passwd",
        b"push graphic-context\nfill 'url(https://127.0.0.1/)'\n",
    ],
)
@pytest.mark.parametrize("route", ["predict", "colorize", "upscale", "explain", "image"])
def test_files_of_other_kinds_under_the_name_of_an_image(client, data, route):
    refused(post(client, route, ("a.png", data, "image/png")), 415)


@pytest.mark.parametrize(
    "data",
    [
        b"GIF89a=1;alert(1)//",
        b"\x89PNG\r\n\x1a\n" + b"\x00" * 100,
        b"\xff\xd8\xff\xe0" + b"\x00" * 100,
        b"RIFF\x00\x00\x00\x00WEBPVP8 ",
        b"BM" + b"\xff" * 60,
        encode(kind="JPEG")[:200],
        encode(kind="PNG")[:40],
    ],
)
@pytest.mark.parametrize("route", ["predict", "upscale"])
def test_damaged_images(client, data, route):
    refused(post(client, route, ("a.png", data)), 422, 413)


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\x00\x00\x18ftypmp42" + b"#EXTM3U\nfile:///etc/passwd\n" * 9,
        b"\x1a\x45\xdf\xa3" + b"\x00" * 200,
        b"\x00\x00\x00\x08ftyp",
    ],
)
def test_damaged_clips(client, data):
    pytest.importorskip("av")
    refused(post(client, "colorize", ("a.mp4", data)), 422)


@pytest.mark.parametrize("size", [(101, 100), (20_000, 1), (3_000, 3_000)])
def test_images_with_too_many_pixels(client, size):
    refused(post(client, "predict", ("a.png", png_bomb(*size))), 413)


def test_a_bomb_is_not_decoded(client):
    """Only the header claims the pixels: decoding would be another error."""
    bomb = bytearray(png_bomb(1, 1))
    bomb[16:24] = (50_000).to_bytes(4, "big") * 2
    refused(post(client, "predict", ("a.png", bytes(bomb))), 413, 422)


def test_an_image_to_upscale_has_a_limit_of_its_own(client):
    refused(post(client, "upscale", ("a.png", png_bomb(50, 50))), 413)
    refused(post(client, "colorize", ("a.png", png_bomb(50, 50))), 413)


def test_a_jpeg_of_very_many_scans(client):
    scan = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00"
    data = encode(kind="JPEG", progressive=True)[:-2] + scan * 500 + b"\xff\xd9"
    refused(post(client, "predict", ("a.jpg", data)), 422)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_a_clip_of_too_many_frames(client, kind):
    pytest.importorskip("av")
    response = post(client, "colorize", ("a", animate(4, kind)))
    if response.status_code == 202:  # a header that does not say the number
        clip = response.json()
        while clip["state"] == "running":
            clip = client.get(f"/api/v1/clips/{clip['id']}").json()
        assert clip["state"] == "failed"
        assert "3" in clip["error"]
    else:
        refused(response, 413)


def test_a_clip_of_large_frames():
    pytest.importorskip("av")
    limits = Limits(frame_pixels=100)
    with open_client(FakeColorizer(), limits=limits) as client:
        refused(post(client, "colorize", ("a.gif", animate(2))), 413)


def test_too_many_files(client):
    refused(post(client, "predict", *[("a.png", b"x")] * 6), 413)


def test_too_many_fields(client):
    body = "".join(
        f'--x\r\nContent-Disposition: form-data; name="f{n}"\r\n\r\n1\r\n' for n in range(1500)
    )
    headers = {"content-type": "multipart/form-data; boundary=x"}
    response = client.post("/api/v1/predict", content=body + "--x--\r\n", headers=headers)
    refused(response, 400, 413)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"{", "application/json"),
        (b"--x\r\n\r\n", "multipart/form-data; boundary=x"),
        (b"\xff" * 50, "multipart/form-data; boundary=x"),
        (b"x", "multipart/form-data"),
        (b"file=/etc/passwd", "application/x-www-form-urlencoded"),
        (b'{"path": "/etc/passwd", "url": "http://127.0.0.1/"}', "application/json"),
    ],
)
def test_bodies_that_are_no_form(client, body, kind):
    refused(client.post("/api/v1/predict", content=body, headers={"content-type": kind}), 400, 422)


# names and paths


@pytest.mark.parametrize(
    "name",
    [
        *("../../../etc/passwd", "/etc/cron.d/x", "..\\..\\x.exe", "C:\\Windows\\x", "a\x00b.png"),
        *("a\nb.png", "con", "x" * 2_000, "<img src=x onerror=alert(1)>", "....//....//x", ".."),
    ],
)
def test_names_are_neither_paths_nor_markup(client, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = set(os.listdir("/tmp"))
    response = post(client, "predict", (name, encode()), format="zip")
    assert response.status_code == 200
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        entries = archive.namelist()
    assert len(entries) == 2
    folder, _, file = entries[0].partition("/")
    assert folder == "red"
    assert re.fullmatch(r"[\w .,()\[\]{}+=@~#-]{1,110}", file)
    assert not file.startswith(".")
    assert list(tmp_path.iterdir()) == []
    assert not {new for new in set(os.listdir("/tmp")) - before if "passwd" in new}


@pytest.mark.parametrize(
    "path",
    [
        *("/../../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd", "/etc/passwd"),
        *("/..%2f..%2fetc%2fpasswd", "/page.css/../../../etc/passwd", "/static/../app.py"),
        *("/api/v1/clips/..%2f..%2fetc%2fpasswd/file", "/api/v1/examples/..%2f../0", "/app.py"),
        *("/api/v1/examples/colors/-1", "/page.html.jinja", "/file=/etc/passwd", "/docs", "/redoc"),
        *("/config.json", "/%00", "/api/v1/clips/%00/file", "/.git/config"),
    ],
)
def test_no_path_of_the_server_is_read(client, path):
    refused(client.get(path), 404, 422)


@pytest.mark.parametrize("run", ["../colors", "/secret/place/colors", "colors/../gray", "\x00"])
def test_a_run_is_no_path(client, run):
    refused(post(client, "predict", ("a.png", encode()), run=run), 404)


@pytest.mark.parametrize(
    "url",
    [
        *("file:///etc/passwd", "/etc/passwd", "http://127.0.0.1:22/", "http://127.0.0.1/"),
        *("http://[::1]/", "http://0.0.0.0/", "http://2130706433/", "http://user@127.0.0.1/"),
        *("http://169.254.169.254/latest/meta-data/", "gopher://127.0.0.1:80/_x", "http://127.1/"),
    ],
)
@pytest.mark.parametrize("route", ["predict", "colorize", "image"])
def test_urls_of_the_server_itself(client, url, route):
    refused(post(client, route, url=url), 422)


def test_names_of_runs_are_escaped_in_the_page():
    with open_client(FakeClassifier("/x/<script>alert(1)</script>")) as client:
        page = client.get("/").text
    assert "<script>alert" not in page.split("</head>")[1]
    assert page.count("<script src=") == page.count("<script") == 2


# browsers


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "localhost.evil.example", "localhost@evil.example", "127.0.0.1.nip.io"),
        *(
            "evil.example:80",
            "0.0.0.0",
            "169.254.169.254",
            "localhost:x",
            "",
            "[::2]",
            "local host",
        ),
    ],
)
def test_dns_rebinding_is_refused(client, host):
    for method in ("GET", "POST"):
        refused(client.request(method, "/api/v1/runs", headers={"host": host}), 421, 400)


@pytest.mark.parametrize("host", ["localhost:7860", "127.0.0.1", "127.0.0.1:7860", "[::1]:7860"])
def test_names_of_loopback_are_served(host):
    with open_client(FakeClassifier(), hosts=("localhost", "127.0.0.1", "::1")) as client:
        assert client.get("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost:9999"},
        {"origin": "http://localhost.evil.example"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "cross-site", "origin": "http://localhost"},
    ],
)
def test_requests_of_other_sites_are_refused(client, headers):
    refused(post(client, "predict", ("a.png", encode()), headers=headers), 403)


@pytest.mark.parametrize(
    "headers",
    [{"origin": "http://localhost"}, {"sec-fetch-site": "same-origin"}, {"sec-fetch-site": "none"}],
)
def test_requests_of_the_page_are_served(client, headers):
    assert post(client, "predict", ("a.png", encode()), headers=headers).status_code == 200


def test_a_preflight_permits_nothing(client):
    headers = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    response = client.options("/api/v1/predict", headers=headers)
    refused(response, 403)
    assert not [name for name in response.headers if name.startswith("access-control")]


@pytest.mark.parametrize("path", ["/", "/page.js", "/nothing", "/api/v1/runs", "/metrics"])
def test_headers_of_every_response(client, path):
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"


def test_headers_of_refusals(client):
    response = client.get("/", headers={"host": "evil.example"})
    assert "content-security-policy" in response.headers


def test_a_site_may_be_permitted_to_frame_the_page():
    with open_client(FakeClassifier(), ancestors="https://host.example") as client:
        headers = client.get("/").headers
    assert "frame-ancestors https://host.example" in headers["content-security-policy"]
    assert "x-frame-options" not in headers


def test_the_page_has_no_inline_code_and_no_other_host(client):
    page = client.get("/").text
    assert not re.search(r"<script(?![^>]*src)|<style|\son\w+=|\sstyle=", page)
    for path in ("/", "/page.js", "/page.css"):
        urls = re.findall(
            r"(?:src|href|url)\s*[=(]\s*[\"']?(?:https?:)?//[^\"')]+", client.get(path).text
        )
        assert urls == []


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE"])
def test_other_methods(client, method):
    assert client.request(method, "/api/v1/predict").status_code in (405, 501)


def test_web_sockets_are_refused(client):
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/"):
        pass


def test_no_listener_is_opened_beyond_the_client(client):
    """The guard of this folder's tests refuses connections that leave loopback."""
    with socket.socket() as outside, pytest.raises(AssertionError):
        outside.connect(("93.184.216.34", 80))


def test_the_page_is_small(client):
    sizes = [len(client.get(path).content) for path in ("/", "/page.css", "/page.js")]
    assert sum(sizes) < 60_000
