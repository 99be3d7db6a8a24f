"""A page of sections as one self-contained HTML file, and as Markdown beside its figures.

No scripts, nothing loaded from anywhere; light or dark as the reader's machine is set; fits phone, desk and paper.
"""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from io import BytesIO
from itertools import groupby
from pathlib import Path

from PIL import Image

from gv_jax.reporting.figures.charts import ReportFigure

STYLE_FILE = Path(__file__).with_name("page.css")
PAGE_PX, GAP = 1140, 14  # pixels of CSS: the widest page, and between two things
FULL_ROW_PX = 560  # pixels from which on a figure gets a row of its own
WEBP_ABOVE_BYTES = 200_000  # bytes from which on pictures travel as WebP instead of PNG


@dataclass(frozen=True)
class Cell:
    """`number`: set flush right. `share`: of a bar behind the text."""

    text: str
    number: bool = False
    share: float | None = None


@dataclass(frozen=True)
class Table:
    """The first column names the row."""

    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""


@dataclass(frozen=True)
class Text:
    """A paragraph; `code`: set as it is typed."""

    text: str
    code: bool = False


@dataclass(frozen=True)
class Details:
    """Text that only shows when asked for."""

    summary: str
    text: str


@dataclass(frozen=True)
class Grid:
    """Figures and tables side by side where there is room."""

    items: Sequence[ReportFigure | Table]


Block = Text | Details | Table | Grid


@dataclass(frozen=True)
class Section:
    title: str
    blocks: list[Block] = field(default_factory=list)


@dataclass(frozen=True)
class MetricCard:
    """One number that matters; shares of 1 are drawn as a bar, the floor as a tick on it."""

    title: str
    value: str
    floor: str
    share: float | None = None
    floor_share: float | None = None


@dataclass(frozen=True)
class Page:
    """kicker: a line above the title. lead: what came out, in a sentence or two. facts: short ones, side by side."""

    kicker: str
    title: str
    lead: str
    facts: Sequence[str]
    cards: Sequence[MetricCard]
    sections: Sequence[Section]


def to_html(page: Page) -> str:
    """The whole page with its pictures inside."""
    places = [
        f'<a href="#part{number}">{escape(part.title)}</a>'
        for number, part in enumerate(page.sections)
    ]
    parts = [
        f'<section id="part{number}"><h2>{escape(part.title)}</h2>\n'
        + "\n".join(map(_block, part.blocks))
        + "</section>"
        for number, part in enumerate(page.sections)
    ]
    facts = "".join(f"<li>{escape(fact)}</li>" for fact in page.facts)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="color-scheme" content="light dark">
<title>{escape(page.title)}</title>
<style>{STYLE_FILE.read_text("utf-8")}</style></head>
<body><header><p class="kicker">{escape(page.kicker)}</p><h1>{_breakable(page.title)}</h1>
<p class="lead">{escape(page.lead)}</p><ul class="facts">{facts}</ul>
<div class="cards">{"".join(map(_card, page.cards))}</div>
<nav aria-label="Contents">{"".join(places)}</nav></header>
<main>{"".join(parts)}</main></body></html>
"""


def _breakable(text: str) -> str:
    """`text` that may be broken after each underscore."""
    return escape(text).replace("_", "_<wbr>")


def _card(card: MetricCard) -> str:
    meter = ""
    if card.share is not None:
        tick = (
            ""
            if card.floor_share is None
            else f'<i style="left:{100 * card.floor_share:.1f}%"></i>'
        )
        meter = f'<div class="meter"><b style="width:{100 * card.share:.1f}%"></b>{tick}</div>'
    return (
        f'<div class="card"><h3>{escape(card.title)}</h3><p class="value">{escape(card.value)}</p>{meter}'
        f'<p class="floor">{escape(card.floor)}</p></div>'
    )


def _block(block: Block) -> str:
    match block:
        case Text(text, code):
            return f"<pre>{escape(text)}</pre>" if code else f"<p>{escape(text)}</p>"
        case Details(summary, text):
            return (
                f"<details><summary>{escape(summary)}</summary><pre>{escape(text)}</pre></details>"
            )
        case Table():
            return _table(block)
        case Grid(items):
            rows = [
                list(row) for _, row in groupby(items, key=lambda item: _width(item) > FULL_ROW_PX)
            ]
            return "".join(map(_row, rows))


def _row(items: Sequence[ReportFigure | Table]) -> str:
    """Items in as few rows as fit, spread evenly."""
    widest = max(map(_width, items))
    rows = -(-len(items) // max((PAGE_PX + GAP) // (widest + GAP), 1))
    columns = -(-len(items) // rows)
    drawn = "".join(_table(item) if isinstance(item, Table) else _figure(item) for item in items)
    return f'<div class="grid" style="--w:{widest}px;--n:{columns}">{drawn}</div>'


def _table(table: Table) -> str:
    numeric = [any(cell.number for cell in column) for column in zip(*table.rows, strict=True)]
    head = "".join(
        f'<th scope="col"{_class("number" if number else "")}>{escape(name)}</th>'
        for name, number in zip(table.head, numeric, strict=False)
    )
    body = "\n".join(
        f"<tr>{_row_name(row[0])}{''.join(map(_cell, row[1:]))}</tr>" for row in table.rows
    )
    caption = f'<p class="caption">{escape(table.caption)}</p>' if table.caption else ""
    grid = f"<table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>"
    return f'<div class="table"><div class="scroll">{grid}</div>{caption}</div>'


def _row_name(cell: Cell) -> str:
    return f'<th scope="row">{_breakable(cell.text)}</th>'


def _cell(cell: Cell) -> str:
    kinds = ["number"] * cell.number + ["bar"] * (cell.share is not None)
    bar = "" if cell.share is None else f' style="--share:{cell.share:.3f}"'
    return f"<td{_class(' '.join(kinds))}{bar}>{_breakable(cell.text)}</td>"


def _class(names: str) -> str:
    return f' class="{names}"' if names else ""


def _width(item: ReportFigure | Table) -> int:
    """Pixels of CSS at which letters of a figure are as large as they were drawn; what a table needs."""
    if isinstance(item, Table):
        return 400
    with Image.open(item.file) as picture:
        return round(96 * picture.width / picture.info["dpi"][0])


def _figure(exhibit: ReportFigure) -> str:
    width = _width(exhibit)
    least = (
        f"min-width:{round(0.85 * width)}px;" if width > FULL_ROW_PX else ""
    )  # scrolls sideways on a phone
    size = f"{least}max-width:{round(1.4 * width)}px"
    title = escape(exhibit.title)
    return (
        f"<figure{_class('photos' if exhibit.photos else '')}><h3>{title}</h3>"
        f'<div class="scroll"><img alt="{title}" style="{size}" src="{_data_uri(exhibit)}"></div>'
        f"<figcaption>{escape(exhibit.caption)}</figcaption></figure>"
    )


def _data_uri(exhibit: ReportFigure) -> str:
    """The picture as an address that holds it whole."""
    content, kind = exhibit.file.read_bytes(), "png"
    if exhibit.photos and len(content) > WEBP_ABOVE_BYTES:
        stream = BytesIO()
        with Image.open(exhibit.file) as picture:
            picture.convert("RGB").save(stream, "webp", quality=88)
        content, kind = stream.getvalue(), "webp"
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def to_markdown(page: Page, folder: Path) -> str:
    """The same with links to the figures, relative to `folder`."""
    lines = [f"# {_plain(page.title)}", _plain(page.lead), _plain(" · ".join(page.facts))]
    if page.cards:
        rows = [(card.title, card.value, card.floor) for card in page.cards]
        lines.append(_rows(("", "Here", "Floor"), rows))
    for part in page.sections:
        lines.append(f"## {_plain(part.title)}")
        for block in part.blocks:
            match block:
                case Text(text, code):
                    lines.append(_fenced(text) if code else _plain(text))
                case Details(summary, text):
                    lines.append(
                        f"<details><summary>{escape(summary)}</summary>\n\n{_fenced(text)}\n\n</details>"
                    )
                case Table():
                    lines.append(_rows_of(block))
                case Grid(items):
                    lines += [
                        _rows_of(item) if isinstance(item, Table) else _linked(item, folder)
                        for item in items
                    ]
    return "\n\n".join(lines) + "\n"


def _linked(exhibit: ReportFigure, folder: Path) -> str:
    address = exhibit.file.relative_to(folder).as_posix()
    title = _plain(exhibit.title)
    return f"### {title}\n\n![{title}]({address})\n\n{_plain(exhibit.caption)}"


def _rows_of(table: Table) -> str:
    rows = _rows(table.head, [[cell.text for cell in row] for row in table.rows])
    return f"{rows}\n\n{_plain(table.caption)}" if table.caption else rows


def _rows(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(_plain, line))} |" for line in lines)


def _plain(text: str) -> str:
    """`text` on one line without a meaning in Markdown."""
    return re.sub(r"([\\`*\[\]|<>])", r"\\\1", " ".join(text.split()))


def _fenced(text: str) -> str:
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}\n{text}\n{fence}"
