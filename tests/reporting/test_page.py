"""Pages as HTML: escaping, bars, grids, embedded images."""

import base64
import re

import numpy as np
import pytest
from PIL import Image

from gv_jax.reporting.figures.report_figure import ReportFigure
from gv_jax.reporting.page import (
    WEBP_ABOVE_BYTES,
    Cell,
    Details,
    Grid,
    MetricCard,
    Page,
    Section,
    Table,
    Text,
    to_html,
)


def render(*blocks, cards=()) -> str:
    return to_html(Page("top", "a_b", "<summary>", ["fact"], cards, [Section("S", list(blocks))]))


def test_text_is_escaped_and_code_is_preformatted():
    html = render(Text("a < b"), Text("x\n  y", code=True), Details("more", "<z>"))
    assert html.startswith("<!doctype html>")
    assert "<p>a &lt; b</p>" in html
    assert "<pre>x\n  y</pre>" in html
    assert "<details><summary>more</summary><pre>&lt;z&gt;</pre></details>" in html
    assert "a_<wbr>b</h1>" in html
    assert "&lt;summary&gt;" in html


def test_numbers_are_kept_with_their_units():
    assert "<p>1\N{NO-BREAK SPACE}% of 2\N{NO-BREAK SPACE}dB</p>" in render(Text("1 % of 2 dB"))


def test_fractions_are_drawn_as_bars():
    cards = [MetricCard("Accuracy", "90 %", "baseline 20 %", 0.9, 0.2), MetricCard("x", "1", "")]
    rows = [[Cell("a"), Cell("50 %", numeric=True, fraction=0.5)], [Cell("b"), Cell("none")]]
    html = render(Table(("Name", "Value"), rows, "caption"), cards=cards)
    assert html.count('<div class="meter">') == 1
    assert '<b style="width:90.0%">' in html
    assert '<i style="left:20.0%">' in html
    assert '<th scope="col" class="number">Value' in html
    assert '<td class="number bar" style="--fraction:0.500">50 %</td>' in html
    assert "<td>none</td>" in html


def test_a_table_without_rows_keeps_its_header():
    assert '<th scope="col">Field</th>' in render(Table(("Field", "Default"), []))


@pytest.fixture
def make_figure(tmp_path):
    def make(name: str, width: int, height: int = 20, photos: bool = False) -> ReportFigure:
        shape = (height, width, 3)
        pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{name}.png", dpi=(96, 96))
        return ReportFigure(tmp_path / f"{name}.png", "data", name, "caption", photos)

    return make


def test_wide_figures_have_a_row_of_their_own(make_figure):
    figures = [make_figure(name, width) for name, width in (("a", 300), ("b", 300), ("c", 800))]
    html = render(Grid(figures))
    assert re.findall(r"--w:(\d+)px;--n:(\d+)", html) == [("300", "2"), ("800", "1")]
    assert "min-width:680px;max-width:1120px" in html


def test_sheets_of_photos_are_enlarged_by_a_click(make_figure):
    sheet, photo = (
        make_figure(name, width, photos=True) for name, width in (("s", 900), ("p", 90))
    )
    html = render(Grid([sheet, photo, make_figure("chart", 900)]))
    assert html.count('<label class="zoom">') == html.count('type="checkbox"') == 1
    assert 'aria-label="Enlarge: s"' in html
    assert html.count("<img") == 3  # one copy each


@pytest.mark.parametrize(("columns", "width"), [(2, 400), (5, 400), (6, 480), (10, 800)])
def test_tables_get_room_for_their_columns(columns, width):
    table = Table(["x"] * columns, [[Cell("0.123", numeric=True)] * columns])
    html = render(Grid([table, Table(("a", "b"), [])]))
    assert f"--w:{max(width, 400)}px" in html
    assert html.count('<div class="grid"') == (2 if width > 560 else 1)


def test_large_photos_are_embedded_as_webp(make_figure):
    plain, photo = make_figure("plain", 400, 300), make_figure("photo", 400, 300, photos=True)
    assert photo.file.stat().st_size > WEBP_ABOVE_BYTES
    html = render(Grid([plain, photo]))
    formats = re.findall(r'src="data:image/(\w+);base64,([^"]+)"', html)
    assert [name for name, _ in formats] == ["png", "webp"]
    assert base64.b64decode(formats[0][1]) == plain.file.read_bytes()
