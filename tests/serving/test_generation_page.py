"""The panel of a run that generates images, in headless Chromium."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gv_jax.inference.run import load_run
from tests.inference.runs import write_generation_run
from tests.serving.browsing import (
    NEEDS_CHROMIUM,
    expect_result,
    launch_browser,
    open_page,
    playwright,
    serve,
    upload,
)
from tests.serving.fake_runs import FakeClassifier
from tests.serving.images import GREEN, encode

pytestmark = NEEDS_CHROMIUM


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return load_run(write_generation_run(tmp_path_factory.mktemp("runs") / "tiles"))


@pytest.fixture(scope="module")
def address(run):
    with serve(run, FakeClassifier(), fetch=lambda url: encode(GREEN)) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    with launch_browser() as browser:
        yield browser


@pytest.fixture
def page(browser, address):
    with open_page(browser, address) as page:
        yield page


def generate(page, label="brick", count=2, seed=3):
    page.get_by_label("Class").select_option(label)
    page.get_by_label("Images", exact=True).fill(str(count))
    page.get_by_label("Seed").fill(str(seed))
    page.get_by_role("button", name="Generate").click()
    page.get_by_text(f"of {label}, seed {seed}").wait_for(timeout=60_000)
    return expect_result(page)


def save(page, locator):
    with page.expect_download() as download:
        locator.click()
    return download.value.suggested_filename, Path(download.value.path()).read_bytes()


def read(data):
    return np.asarray(Image.open(io.BytesIO(data)))


def test_images_are_shown_with_hard_edges_and_can_be_saved(page, run):
    result = generate(page)
    shown = result.locator("img")
    assert shown.count() == 2
    assert shown.first.evaluate("image => getComputedStyle(image).imageRendering") == "pixelated"
    assert shown.first.evaluate("image => [image.naturalWidth, image.clientWidth]") == [16, 128]
    name, data = save(page, result.get_by_role("link", name="Download image 2 of 2"))
    assert name == "brick_3_00001.png"
    np.testing.assert_array_equal(read(data), run.generate("brick", 2, seed=3)[1])
    _, data = save(page, result.get_by_text("Download zip"))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.namelist() == ["brick_3_00000.png", "brick_3_00001.png"]


def test_only_images_that_repeat_can_be_shown_repeated(page):
    tileable = page.get_by_label("Repeats without a seam")
    result = generate(page)
    assert tileable.is_checked()
    box = result.get_by_label("Show repeated")
    box.focus()
    page.keyboard.press("Space")
    image = result.locator("img").first
    playwright.expect(image).to_have_js_property("naturalWidth", 48)
    name, data = save(page, result.get_by_role("link").first)
    assert (name, read(data).shape) == ("brick_3_00000.png", (16, 16, 4))
    box.uncheck()
    playwright.expect(image).to_have_js_property("naturalWidth", 16)
    result = generate(page, "hero")
    assert not tileable.is_checked()
    assert result.get_by_label("Show repeated").count() == 0
    tileable.check()
    generate(page, "hero", seed=4)
    assert result.get_by_label("Show repeated").count() == 0  # choosing a class sets the box
    tileable.check()
    page.get_by_role("button", name="Generate").click()
    result.get_by_label("Show repeated").wait_for(timeout=20_000)


def test_a_given_image_is_varied_until_it_is_removed(page, run):
    upload(page, encode(GREEN))
    given = page.get_by_alt_text("The image to vary")
    given.wait_for()
    assert not page.locator("#panel0 .drop").is_visible()
    page.get_by_label("Change").fill("0.25")
    result = generate(page, "hero", 1)
    name, data = save(page, result.get_by_role("link"))
    assert name == "like_0_a_3_00000.png"
    image = np.full((6, 8, 3), GREEN, np.uint8)
    expected = run.generate("hero", 1, seed=3, like=image, strength=0.25)[0]
    np.testing.assert_array_equal(read(data), expected)
    page.get_by_role("button", name="Remove").click()
    assert page.locator("#panel0 .drop").is_visible()
    result = generate(page, "hero", 1, seed=4)
    assert save(page, result.get_by_role("link"))[0] == "hero_4_00000.png"


def test_an_image_of_a_url_is_varied(page):
    page.locator("#url0").fill("https://good.example/a.png")
    page.locator("#panel0 .url button").click()
    page.get_by_alt_text("The image to vary").wait_for()
    result = generate(page, "hero", 1)
    assert save(page, result.get_by_role("link"))[0] == "like_0_image_3_00000.png"


def test_a_file_that_is_no_image_is_an_error_line(page):
    upload(page, b"no image")
    playwright.expect(page.locator("#panel0 .error")).to_contain_text("This is no image")
    assert page.locator("#panel0 .drop").is_visible()


def test_more_options_by_keyboard(page, run):
    page.get_by_text("More options").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Guidance").fill("4")
    page.get_by_label("Colors per image").fill("3")
    page.get_by_label("Seed").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    seed = int(page.get_by_label("Seed").input_value())
    result = generate(page, "hero", 1, seed)
    _, data = save(page, result.get_by_role("link"))
    expected = run.generate("hero", 1, seed=seed, guidance=4, palette=3)[0]
    np.testing.assert_array_equal(read(data), expected)


def test_a_number_out_of_range_is_not_sent(page):
    page.get_by_label("Images", exact=True).fill("25")
    page.get_by_role("button", name="Generate").click()
    assert page.locator("#panel0 .options :invalid").count() == 1
    assert not page.locator("#panel0 .result").is_visible()


def test_a_hidden_field_that_is_not_valid_is_shown(page):
    summary, guidance = page.get_by_text("More options"), page.get_by_label("Guidance")
    summary.click()
    guidance.fill("")
    summary.click()
    assert not guidance.is_visible()
    page.get_by_role("button", name="Generate").click()
    playwright.expect(guidance).to_be_focused()


@pytest.mark.parametrize("width", [320, 390])
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_a_phone_scrolls_in_one_direction(browser, address, width, theme):
    options = {"viewport": {"width": width, "height": 800}, "color_scheme": theme}
    with open_page(browser, address, has_touch=True, **options) as page:
        page.get_by_text("More options").click()
        upload(page, encode(GREEN))
        page.get_by_alt_text("The image to vary").wait_for()
        result = generate(page, count=5)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        result.get_by_label("Show repeated").check()
        playwright.expect(result.locator("img").first).to_have_js_property("naturalWidth", 48)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        small = page.evaluate(
            """[...document.querySelectorAll("button, .button, select, #panel0 .check, summary")]
            .filter(node => node.offsetParent && node.getBoundingClientRect().height < 43.9)
            .map(node => node.outerHTML)"""
        )
        assert small == []
