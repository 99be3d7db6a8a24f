"""A report page: one self-contained HTML file, or Markdown beside its figures.

The page has no scripts and loads nothing. It follows the light or dark mode of the reader and fits
phones, desktops and paper. Its HTML is in page.html.jinja, its style in page.css.
"""

import base64
import functools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from itertools import groupby
from pathlib import Path

import jinja2
from markupsafe import Markup, escape
from PIL import Image

from gv_jax.reporting.figures.report_figure import ReportFigure

FOLDER = Path(__file__).parent  # of template and style
PAGE_PX, GRID_GAP_PX = 1140, 14  # CSS pixels: maximum width of the page; gap between grid items
TABLE_PX, COLUMN_PX = 400, 80  # CSS pixels that a table needs at least, and per column
FULL_ROW_PX = 560  # CSS pixels; a wider figure gets a row of its own
WEBP_ABOVE_BYTES = 200_000  # larger images are embedded as WebP instead of PNG


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes:
        text: Content.
        numeric: Whether it is aligned to the right.
        fraction: Length of a bar behind the text, in [0, 1].
    """

    text: str
    numeric: bool = False
    fraction: float | None = None


@dataclass(frozen=True)
class Table:
    """A table; the first cell of a row is its heading."""

    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""

    @property
    def numeric(self) -> list[bool]:
        """Whether each column has numeric cells."""
        return [any(row[column].numeric for row in self.rows) for column in range(len(self.header))]


@dataclass(frozen=True)
class Text:
    """A paragraph, or preformatted code."""

    text: str
    code: bool = False


@dataclass(frozen=True)
class Details:
    """Preformatted text that is collapsed to its summary at first."""

    summary: str
    text: str


@dataclass(frozen=True)
class Grid:
    """Figures and tables, side by side if there is room."""

    items: Sequence[ReportFigure | Table]

    @property
    def rows(self) -> "Iterator[GridRow]":
        """Consecutive items of similar width."""
        for _, items in groupby(self.items, key=lambda item: _width(item) > FULL_ROW_PX):
            yield GridRow(list(items))


Block = Text | Details | Table | Grid


@dataclass(frozen=True)
class GridRow:
    """Items of a grid that share its columns; they wrap into as few rows as fit."""

    items: Sequence[ReportFigure | Table]

    @property
    def width(self) -> int:
        """CSS pixels of the widest item."""
        return max(map(_width, self.items))

    @property
    def columns(self) -> int:
        """Number of columns that distributes the items evenly over the rows."""
        max_columns = max((PAGE_PX + GRID_GAP_PX) // (self.width + GRID_GAP_PX), 1)
        num_rows = -(-len(self.items) // max_columns)
        return -(-len(self.items) // num_rows)


@dataclass(frozen=True)
class Section:
    """A heading with its content."""

    title: str
    blocks: list[Block] = field(default_factory=list)


@dataclass(frozen=True)
class MetricCard:
    """One of the most important numbers.

    Attributes:
        title: Name of the number.
        value: The number with its unit.
        note: Small print below it, such as the baseline.
        fraction: Length of a bar, in [0, 1].
        baseline_fraction: Position of a tick on the bar, in [0, 1].
    """

    title: str
    value: str
    note: str
    fraction: float | None = None
    baseline_fraction: float | None = None


@dataclass(frozen=True)
class Page:
    """A report page.

    Attributes:
        eyebrow: Line above the title.
        title: Title.
        summary: The result in one or two sentences.
        facts: Short facts, shown side by side.
        cards: The most important numbers.
        sections: The rest, in order.
    """

    eyebrow: str
    title: str
    summary: str
    facts: Sequence[str]
    cards: Sequence[MetricCard]
    sections: Sequence[Section]


def to_html(page: Page) -> str:
    """The page as HTML with its images embedded."""
    style = Markup((FOLDER / "page.css").read_text("utf-8"))
    return _environment().get_template("page.html.jinja").render(page=page, style=style)


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {
        "breakable": _breakable,
        "data_uri": _data_uri,
        "image_style": _image_style,
        "is_sheet": _is_sheet,
        "keep_units": _keep_units,
    }
    environment.tests |= {
        kind.__name__.lower(): lambda block, kind=kind: isinstance(block, kind)
        for kind in (Text, Details, Table, Grid)
    }
    return environment


def _breakable(text: str) -> Markup:
    """Allows line breaks after underscores."""
    return Markup(escape(text).replace("_", Markup("_<wbr>")))


def _keep_units(text: str) -> str:
    """Forbids line breaks between numbers and units."""
    return re.sub(r"(?<=\d) (?=%|dB)", "\N{NO-BREAK SPACE}", text)


def _width(item: ReportFigure | Table) -> int:
    """CSS pixels of a figure at its size in inches, or of a table."""
    if isinstance(item, Table):
        return max(TABLE_PX, COLUMN_PX * len(item.header))
    with Image.open(item.file) as image:
        return round(96 * image.width / image.info["dpi"][0])


def _image_style(figure: ReportFigure) -> str:
    """Limits of the width of an image: on a phone, wide figures scroll instead of shrinking."""
    width = _width(figure)
    minimum = f"min-width:{round(0.85 * width)}px;" if width > FULL_ROW_PX else ""
    return f"{minimum}max-width:{round(1.4 * width)}px"


def _is_sheet(figure: ReportFigure) -> bool:
    """Whether a figure consists of images that are shown enlarged on a click."""
    return figure.photos and _width(figure) > FULL_ROW_PX


def _data_uri(figure: ReportFigure) -> str:
    """The image as a data URI."""
    content, image_format = figure.file.read_bytes(), "png"
    if figure.photos and len(content) > WEBP_ABOVE_BYTES:
        stream = BytesIO()
        with Image.open(figure.file) as image:
            image.convert("RGB").save(stream, "webp", quality=88)
        content, image_format = stream.getvalue(), "webp"
    return f"data:image/{image_format};base64,{base64.b64encode(content).decode()}"


def to_markdown(page: Page, folder: Path) -> str:
    """The page as Markdown, with links to its figures relative to `folder`."""
    parts = [f"# {_escape_markdown(page.title)}", _escape_markdown(page.summary)]
    parts.append(_escape_markdown(" · ".join(page.facts)))
    if page.cards:
        rows = [(card.title, card.value, card.note) for card in page.cards]
        parts.append(_markdown_rows(("", "Value", "Baseline"), rows))
    for section in page.sections:
        parts.append(f"## {_escape_markdown(section.title)}")
        for block in section.blocks:
            parts += _markdown_block(block, folder)
    return "\n\n".join(parts) + "\n"


def _markdown_block(block: Block, folder: Path) -> list[str]:
    match block:
        case Text(text, code):
            return [_fence(text) if code else _escape_markdown(text)]
        case Details(summary, text):
            head = f"<details><summary>{escape(summary)}</summary>"
            return [f"{head}\n\n{_fence(text)}\n\n</details>"]
        case Table():
            return [_markdown_table(block)]
        case Grid(items):
            return [
                _markdown_table(item) if isinstance(item, Table) else _markdown_figure(item, folder)
                for item in items
            ]


def _markdown_figure(figure: ReportFigure, folder: Path) -> str:
    link = figure.file.relative_to(folder).as_posix()
    title = _escape_markdown(figure.title)
    return f"### {title}\n\n![{title}]({link})\n\n{_escape_markdown(figure.caption)}"


def _markdown_table(table: Table) -> str:
    rows = _markdown_rows(table.header, [[cell.text for cell in row] for row in table.rows])
    return f"{rows}\n\n{_escape_markdown(table.caption)}" if table.caption else rows


def _markdown_rows(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(_escape_markdown, line))} |" for line in lines)


def _escape_markdown(text: str) -> str:
    """`text` on one line, with the special characters of Markdown escaped."""
    return re.sub(r"([\\`*\[\]|<>])", r"\\\1", " ".join(text.split()))


def _fence(text: str) -> str:
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}\n{text}\n{fence}"
