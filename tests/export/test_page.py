"""The page of an exported run: what it is told, and what it does in a browser without network."""

import functools
import http.server
import json
import os
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gv_jax.export.export import export_run
from gv_jax.export.web import ORT_FILES
from gv_jax.inference.run import load_run
from tests.export.images import smooth_images

ORT_VARIABLE = "GV_JAX_ORT_DIR"  # a folder with the files of onnxruntime-web
CHROMIUM = Path("/usr/bin/chromium")


@pytest.fixture
def ort_dir(tmp_path):
    folder = tmp_path / "dist"
    folder.mkdir()
    for name in ORT_FILES:
        (folder / name).write_text(name)
    return folder


def read_settings(folder):
    line = next(
        line
        for line in (folder / "index.html").read_text().splitlines()
        if line.startswith("const SETTINGS = ")
    )
    return json.loads(line.removeprefix("const SETTINGS = ").removesuffix(";"))


def test_the_page_and_its_files(runs, tmp_path, ort_dir):
    folder = export_run(runs["classification"], "web", tmp_path / "out", ort_dir)
    names = {file.name for file in folder.iterdir()}
    assert names == {*ORT_FILES, "index.html", "model.onnx", "config.json", "README.md"}
    settings = read_settings(folder)
    assert settings["classes"] == ["red", "green", "blue"]
    assert settings["size"] == [16, 24]
    assert "http.server" in (folder / "README.md").read_text()


def test_names_do_not_end_the_script(runs, tmp_path, ort_dir):
    path = tmp_path / "a<b"
    path.symlink_to(runs["colorization"])
    results = load_run(path).results
    assert "</script>" not in str(results)
    folder = export_run(path, "web", tmp_path / "out", ort_dir)
    page = (folder / "index.html").read_text()
    assert page.count("</script>") == 2
    assert "{{" not in page
    assert read_settings(folder)["trainSize"] == [16, 24]


def test_the_page_names_no_other_host(runs, tmp_path, ort_dir):
    folder = export_run(runs["super_resolution"], "web", tmp_path / "out", ort_dir)
    assert "//" not in (folder / "index.html").read_text().replace("// ", "")


@pytest.fixture
def open_page():
    """A function from a served folder to its page in Chromium, which reaches loopback only."""
    api = pytest.importorskip("playwright.sync_api")
    if not CHROMIUM.exists():
        pytest.skip("no Chromium")
    rules = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    servers = []
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", rules]
        )

        def visit(folder, width):
            handler = functools.partial(QuietHandler, directory=str(folder))
            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
            servers.append(server)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            page = browser.new_page(viewport={"width": width, "height": 800})
            page.goto(f"http://127.0.0.1:{server.server_port}/")
            page.locator("#file:enabled").wait_for(state="attached")
            return page

        yield visit
        browser.close()
    for server in servers:
        server.shutdown()
        server.server_close()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.mark.slow
@pytest.mark.parametrize("width", [1200, 390])
def test_the_page_in_a_browser_without_network(runs, tmp_path, open_page, width):
    if not os.environ.get(ORT_VARIABLE):
        pytest.skip(f"{ORT_VARIABLE} is not set")
    folder = export_run(
        runs["classification"], "web", tmp_path / "out", Path(os.environ[ORT_VARIABLE])
    )
    image = smooth_images(1, 16, 24)[0]
    Image.fromarray(image).save(tmp_path / "image.png")
    (tmp_path / "bad.png").write_text("no image")
    page = open_page(folder, width)
    page.set_input_files("#file", tmp_path / "bad.png")
    page.get_by_text("no image that the browser can read").wait_for()
    page.keyboard.press("Tab")  # the file input can be reached by keyboard
    assert page.locator("#file:focus").count() == 1
    page.set_input_files("#file", tmp_path / "image.png")
    page.locator("#result:not([hidden])").wait_for()
    shown = [float(text.split()[-2]) for text in page.locator("li").all_inner_texts()]
    expected = load_run(runs["classification"]).predict(image).probabilities[0]
    np.testing.assert_allclose(shown, sorted(100 * expected, reverse=True), atol=0.06)
    box = page.locator("main").bounding_box()
    assert box["width"] <= width
