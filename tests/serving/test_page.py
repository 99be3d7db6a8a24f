"""The page in headless Chromium."""

import contextlib
import io
import re
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gv_jax.serving.fetch_url import FetchError
from tests.serving.browsing import (
    NEEDS_CHROMIUM,
    expect_result,
    launch_browser,
    open_page,
    playwright,
    serve,
    upload,
)
from tests.serving.fake_runs import FakeClassifier, FakeColorizer, FakeUpscaler
from tests.serving.images import GREEN, RED, animate, encode

pytestmark = NEEDS_CHROMIUM


def fetch(url):
    if "good" in url:
        return encode(GREEN)
    raise FetchError("the host bad.example is not on the public internet")


@pytest.fixture(scope="module")
def address():
    with serve(FakeClassifier(), FakeColorizer(), FakeUpscaler(), fetch=fetch) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    with launch_browser() as browser:
        yield browser


@pytest.fixture
def page(browser, address):
    with open_page(browser, address) as page:
        yield page


def video_width(video):
    """In pixels, as soon as it is known; 0 after 20 s.

    Playwright's `wait_for_function` evaluates strings in the page, which its policy refuses.
    """
    for _ in range(200):
        if width := video.evaluate("video => video.videoWidth"):
            return width
        video.page.wait_for_timeout(100)
    return 0


def test_an_upload_is_classified(page):
    upload(page, encode(RED))
    result = expect_result(page)
    assert result.locator(".bars li").count() == 3
    assert "red" in result.locator(".bars li").first.inner_text()
    assert "Prediction set (90 %): red" in result.inner_text()
    assert result.locator(".near li").count() == 6
    width = result.locator(".bars i b").first.evaluate("bar => bar.style.width")
    assert float(width.rstrip("% ")) == pytest.approx(92.6, abs=0.1)


def test_the_explanation_is_shown_on_demand(page):
    upload(page, encode(RED))
    result = expect_result(page)
    box = result.locator("input[type=checkbox]")
    box.wait_for(timeout=20_000)
    image = result.locator("img.view")
    before = image.get_attribute("src")
    box.check()
    assert image.get_attribute("src") != before
    box.uncheck()
    assert image.get_attribute("src") == before


def test_an_unfamiliar_image_is_noted(page):
    upload(page, encode((90, 95, 92)))
    assert "unlike the training images" in expect_result(page).inner_text()


def test_a_url_is_fetched(page):
    page.locator("#url0").fill("https://good.example/a.png")
    page.locator("#panel0 .url button").click()
    assert "green" in expect_result(page).locator(".bars li").first.inner_text()


def test_a_refused_url_is_an_error_line(page):
    page.locator("#url0").fill("http://bad.example/")
    page.locator("#url0").press("Enter")
    error = page.locator("#panel0 .error")
    playwright.expect(error).to_contain_text("not on the public internet")
    assert not page.locator("#panel0 .result").is_visible()


def test_a_bad_file_is_an_error_line(page):
    upload(page, b"no image")
    playwright.expect(page.locator("#panel0 .error")).to_contain_text("This is no image")
    upload(page, encode(RED))
    expect_result(page)
    assert page.locator("#panel0 .error").inner_text() == ""


def test_files_become_a_table_and_a_zip(page):
    files = [
        {"name": name, "mimeType": "", "buffer": data}
        for name, data in (("a.png", encode(RED)), ("b.png", encode(GREEN)), ("c.txt", b"x"))
    ]
    page.locator("#panel0 input[type=file]").set_input_files(files)
    result = expect_result(page)
    assert result.locator("tbody tr").count() == 3
    assert "no image" in result.locator("tbody tr").nth(2).inner_text()
    with page.expect_download() as download:
        result.get_by_text("Download CSV").click()
    assert "a.png" in Path(download.value.path()).read_text()
    with page.expect_download() as download:
        result.get_by_text("Download zip").click()
    assert Path(download.value.path()).read_bytes().startswith(b"PK")


def test_a_dropped_and_a_pasted_file(page):
    script = """([data, kind]) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([new Uint8Array(data)], "a.png", { type: "image/png" }));
      const event = kind === "drop"
        ? new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true })
        : new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true });
      document.querySelector("#panel0 .drop").dispatchEvent(event);
    }"""
    for kind, color, name in (("drop", RED, "red"), ("paste", GREEN, "green")):
        page.evaluate(script, [list(encode(color)), kind])
        first = page.locator("#panel0 .bars li").first
        playwright.expect(first).to_contain_text(name)


def test_the_camera(page):
    page.locator("#panel0 .camera").click()
    page.locator("#camera").wait_for(state="visible")
    assert video_width(page.locator("#camera video")) > 0
    page.locator("#shoot").click()
    expect_result(page)


def test_the_slider_moves_by_mouse_and_keyboard(page):
    page.get_by_role("tab", name="gray").click()
    upload(page, encode((90, 90, 90), (64, 48)), panel=1)
    expect_result(page, 1)
    slider = page.locator("#panel1 input[type=range]")

    def cut():
        return page.locator(".compare").evaluate(
            "view => getComputedStyle(view.querySelector('img + img')).clipPath"
        )

    assert "50%" in cut()
    slider.focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    assert "60%" in cut()
    box = slider.bounding_box()
    page.mouse.click(box["x"] + 0.2 * box["width"], box["y"] + box["height"] / 2)
    assert re.search(r"\b(19|20|21)%", cut())


def test_a_clip_is_colorized_with_progress(page):
    pytest.importorskip("av")
    page.get_by_role("tab", name="gray").click()
    upload(page, animate(8, size=(64, 48)), "a.gif", 1)
    expect_result(page, 1)
    video = page.locator("#panel1 video")
    playwright.expect(video).to_have_attribute("src", re.compile("^api/v1/clips/"))
    assert video_width(video) == 64


def test_an_image_is_upscaled(page):
    page.get_by_role("tab", name="large").click()
    upload(page, encode(size=(20, 10)), panel=2)
    result = expect_result(page, 2)
    sizes = result.locator(".compare img").evaluate_all(
        "images => Promise.all(images.map(i => i.decode().then(() => i.naturalWidth)))"
    )
    assert sizes == [20, 40]


def test_examples(page):
    page.locator("#panel0 .examples button").first.focus()
    page.keyboard.press("Enter")
    expect_result(page)


def test_tabs_by_keyboard(page):
    tabs = page.get_by_role("tab")
    tabs.first.focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("#panel1").is_visible()
    assert not page.locator("#panel0").is_visible()
    assert tabs.nth(1).evaluate("tab => tab === document.activeElement")
    page.keyboard.press("End")
    assert page.locator("#panel2").is_visible()
    page.keyboard.press("ArrowRight")
    assert page.locator("#panel0").is_visible()


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_theme_follows_the_system_and_is_kept(browser, address, theme):
    context = browser.new_context(color_scheme=theme)
    page = context.new_page()
    page.goto(address)
    root = page.locator("html")
    assert root.get_attribute("data-theme") == theme
    page.locator("#theme").click()
    other = root.get_attribute("data-theme")
    assert other != theme
    page.reload()
    assert root.get_attribute("data-theme") == other
    context.close()


@pytest.mark.parametrize("width", [320, 390])
def test_a_phone_scrolls_in_one_direction(browser, address, width):
    context = browser.new_context(viewport={"width": width, "height": 800}, has_touch=True)
    page = context.new_page()
    page.goto(address)
    upload(page, encode(RED, (300, 20)), "long" * 20 + ".png")
    expect_result(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    small = page.evaluate(
        """[...document.querySelectorAll("button, .button")].filter(node => node.offsetParent)
        .filter(node => node.getBoundingClientRect().height < 44).map(node => node.outerHTML)"""
    )
    assert small == []
    context.close()


def test_the_content_security_policy_holds(browser, address):
    context = browser.new_context()
    page = context.new_page()
    page.goto(address)
    blocked = page.evaluate(
        """() => new Promise(resolve => {
          document.addEventListener("securitypolicyviolation", event => resolve(event.blockedURI));
          const script = document.createElement("script");
          script.textContent = "window.injected = true";
          document.body.append(script);
        })"""
    )
    assert blocked == "inline"
    assert page.evaluate("window.injected") is None
    context.close()


def test_another_site_cannot_post(browser, address):
    """A page of another origin sends a form without a preflight; the server refuses it."""
    context = browser.new_context()
    page = context.new_page()
    page.route("http://evil.example/", lambda route: route.fulfill(body="<p>evil", status=200))
    page.goto("http://evil.example/")
    statuses = []
    page.on("response", lambda response: statuses.append((response.url, response.status)))
    script = """async address => {
      const body = new FormData();
      body.append("url", "https://good.example/");
      await fetch(address + "/api/v1/predict", { method: "POST", body, mode: "no-cors" })
        .catch(() => null);
    }"""
    page.evaluate(script, address)
    with contextlib.suppress(playwright.TimeoutError):
        page.wait_for_timeout(500)
    assert all(status == 403 for url, status in statuses if url.startswith(address))
    context.close()


def test_a_large_photo_is_shown_in_seconds(page):
    rng = np.random.default_rng(0)
    buffer = io.BytesIO()
    pixels = rng.integers(0, 255, (150, 200, 3), dtype=np.uint8)
    Image.fromarray(pixels).resize((4000, 3000)).save(buffer, "JPEG")
    begin = time.monotonic()
    upload(page, buffer.getvalue(), "photo.jpg")
    expect_result(page)
    assert time.monotonic() - begin < 20
