"""A server in this process, and its page in headless Chromium."""

import contextlib
import os
import socket
import threading
from pathlib import Path

import pytest
import uvicorn

from gv_jax.serving.app import create_app

playwright = pytest.importorskip("playwright.sync_api")

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"),
    *("--disable-component-update", "--disable-sync", "--use-fake-ui-for-media-stream"),
    "--use-fake-device-for-media-stream",
]
NEEDS_CHROMIUM = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="there is no Chromium"),
]


@contextlib.contextmanager
def serve(*runs, **options):
    """The address of a server for `runs` that runs until the end of the block."""
    app = create_app(runs, ("127.0.0.1",), **options)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(10)


@contextlib.contextmanager
def launch_browser():
    with playwright.sync_playwright() as started:
        launched = started.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield launched
        launched.close()


@contextlib.contextmanager
def open_page(browser, address, **options):
    """The page; the block fails for errors in the console and for requests to other hosts."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
    page = context.new_page()
    problems = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: note_console(message, problems))
    page.on("request", lambda request: note_host(request.url, address, problems))
    page.goto(address)
    yield page
    context.close()
    assert problems == []


def note_console(message, problems):
    if message.type == "error" and "status of 4" not in message.text:  # a refused request
        problems.append(message.text)


def note_host(url, address, problems):
    if not url.startswith((address, "blob:", "data:")):
        problems.append(url)


def upload(page, data, name="a.png", panel=0):
    files = [{"name": name, "mimeType": "image/png", "buffer": data}]
    page.locator(f"#panel{panel} input[type=file]").set_input_files(files)


def expect_result(page, panel=0):
    result = page.locator(f"#panel{panel} .result")
    result.wait_for(state="visible", timeout=20_000)
    return result
