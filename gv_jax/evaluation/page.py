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

from gv_jax.evaluation.figures import Exhibit

DESK, GAP = 1140, 14  # pixels of CSS: the widest page, and between two things
WIDE = 560  # pixels from which on a figure gets a row of its own
HEAVY = 200_000  # bytes from which on pictures travel as WebP instead of PNG


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
class Folded:
    """Text that only shows when asked for."""

    summary: str
    text: str


@dataclass(frozen=True)
class Grid:
    """Figures and tables side by side where there is room."""

    items: Sequence[Exhibit | Table]


Block = Text | Folded | Table | Grid


@dataclass(frozen=True)
class Section:
    title: str
    blocks: list[Block] = field(default_factory=list)


@dataclass(frozen=True)
class Card:
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
    cards: Sequence[Card]
    sections: Sequence[Section]


def to_html(page: Page) -> str:
    """The whole page with its pictures inside."""
    places = [f'<a href="#part{number}">{escape(part.title)}</a>' for number, part in enumerate(page.sections)]
    parts = [
        f'<section id="part{number}"><h2>{escape(part.title)}</h2>\n' + "\n".join(map(_block, part.blocks)) + "</section>"
        for number, part in enumerate(page.sections)
    ]
    facts = "".join(f"<li>{escape(fact)}</li>" for fact in page.facts)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="color-scheme" content="light dark">
<title>{escape(page.title)}</title>
<style>{STYLE}</style></head>
<body><header><p class="kicker">{escape(page.kicker)}</p><h1>{escape(page.title)}</h1>
<p class="lead">{escape(page.lead)}</p><ul class="facts">{facts}</ul>
<div class="cards">{"".join(map(_card, page.cards))}</div>
<nav aria-label="Contents">{"".join(places)}</nav></header>
<main>{"".join(parts)}</main></body></html>
"""


def _card(card: Card) -> str:
    meter = ""
    if card.share is not None:
        tick = "" if card.floor_share is None else f'<i style="left:{100 * card.floor_share:.1f}%"></i>'
        meter = f'<div class="meter"><b style="width:{100 * card.share:.1f}%"></b>{tick}</div>'
    return (
        f'<div class="card"><h3>{escape(card.title)}</h3><p class="value">{escape(card.value)}</p>{meter}'
        f'<p class="floor">{escape(card.floor)}</p></div>'
    )


def _block(block: Block) -> str:
    match block:
        case Text(text, code):
            return f"<pre>{escape(text)}</pre>" if code else f"<p>{escape(text)}</p>"
        case Folded(summary, text):
            return f"<details><summary>{escape(summary)}</summary><pre>{escape(text)}</pre></details>"
        case Table():
            return _table(block)
        case Grid(items):
            rows = [list(row) for _, row in groupby(items, key=lambda item: _width(item) > WIDE)]
            return "".join(map(_row, rows))


def _row(items: Sequence[Exhibit | Table]) -> str:
    """Items in as few rows as fit, spread evenly."""
    widest = max(map(_width, items))
    rows = -(-len(items) // max((DESK + GAP) // (widest + GAP), 1))
    columns = -(-len(items) // rows)
    drawn = "".join(_table(item) if isinstance(item, Table) else _figure(item) for item in items)
    return f'<div class="grid" style="--w:{widest}px;--n:{columns}">{drawn}</div>'


def _table(table: Table) -> str:
    numeric = [cell.number for cell in table.rows[0]] if table.rows else [False] * len(table.head)
    head = "".join(
        f'<th scope="col"{" class=number" if number else ""}>{escape(name)}</th>'
        for name, number in zip(table.head, numeric, strict=True)
    )
    rows = []
    for first, *others in table.rows:
        cells = [f'<th scope="row">{escape(first.text)}</th>']
        for cell in others:
            kinds = " ".join(["number"] * cell.number + ["bar"] * (cell.share is not None))
            bar = "" if cell.share is None else f' style="--share:{cell.share:.3f}"'
            cells.append(f'<td{f" class={chr(34)}{kinds}{chr(34)}" if kinds else ""}{bar}>{escape(cell.text)}</td>')
        rows.append(f"<tr>{''.join(cells)}</tr>")
    caption = f'<p class="caption">{escape(table.caption)}</p>' if table.caption else ""
    return (
        f'<div class="table"><div class="scroll"><table><thead><tr>{head}</tr></thead>\n<tbody>{chr(10).join(rows)}</tbody></table></div>{caption}</div>'
    )


def _width(item: Exhibit | Table) -> int:
    """Pixels of CSS at which letters of a figure are as large as they were drawn; what a table needs."""
    if isinstance(item, Table):
        return 400
    with Image.open(item.file) as picture:
        return round(96 * picture.width / picture.info["dpi"][0])


def _figure(exhibit: Exhibit) -> str:
    width = _width(exhibit)
    least = f"min-width:{round(0.85 * width)}px;" if width > WIDE else ""  # scrolls sideways on a phone
    return (
        f'<figure{" class=photos" if exhibit.photos else ""}><h3>{escape(exhibit.title)}</h3><div class="scroll">'
        f'<img style="{least}max-width:{round(1.4 * width)}px" alt="{escape(exhibit.title)}" src="{_data(exhibit)}"></div>'
        f"<figcaption>{escape(exhibit.caption)}</figcaption></figure>"
    )


def _data(exhibit: Exhibit) -> str:
    """The picture as an address that holds it whole."""
    content, kind = exhibit.file.read_bytes(), "png"
    if exhibit.photos and len(content) > HEAVY:
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
                case Folded(summary, text):
                    lines.append(f"<details><summary>{escape(summary)}</summary>\n\n{_fenced(text)}\n\n</details>")
                case Table():
                    lines.append(_rows_of(block))
                case Grid(items):
                    lines += [_rows_of(item) if isinstance(item, Table) else _linked(item, folder) for item in items]
    return "\n\n".join(lines) + "\n"


def _linked(exhibit: Exhibit, folder: Path) -> str:
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


STYLE = """
:root { --paper:#f6f7f9; --card:#fff; --ink:#1f2733; --muted:#5b6675; --rule:#d9dee5; --accent:#1665a8; --bar:#d8e6f3;
  --tick:#b3400f }
@media (prefers-color-scheme: dark) { :root { --paper:#14171c; --card:#1c2027; --ink:#e4e8ee; --muted:#9aa5b4;
  --rule:#333a45; --accent:#6fb1ea; --bar:#274563; --tick:#f09a5e } }
* { box-sizing:border-box }
html { -webkit-text-size-adjust:100% }
body { margin:0 auto; max-width:1180px; padding:28px 20px 64px; background:var(--paper); color:var(--ink);
  font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif; overflow-wrap:anywhere }
h1 { font-size:clamp(1.6rem,5vw,2.2rem); line-height:1.2; margin:.1em 0 .4em; letter-spacing:-.01em; text-wrap:balance }
h2 { font-size:1.25rem; margin:2.2em 0 .8em; padding-top:.6em; border-top:2px solid var(--ink) }
h3 { font-size:.95rem; margin:0 0 .5em; line-height:1.3 }
p { max-width:72ch; margin:.6em 0 }
.kicker { color:var(--accent); font-size:.85rem; font-weight:600; margin:0 }
.lead { font-size:1.1rem }
.facts { list-style:none; display:flex; flex-wrap:wrap; gap:4px 18px; margin:1em 0; padding:0; color:var(--muted);
  font-size:.9rem }
.cards { display:grid; grid-template-columns:repeat(auto-fit,minmax(min(46%,230px),1fr)); gap:12px; margin:22px 0 }
.card, figure, .table { background:var(--card); border:1px solid var(--rule); border-radius:8px; padding:14px 16px; margin:0;
  min-width:0 }
.card h3 { color:var(--muted); font-weight:600; font-size:.85rem; margin:0 }
.value { font-size:1.9rem; font-weight:650; line-height:1.25; margin:.1em 0; font-variant-numeric:tabular-nums }
.floor { color:var(--muted); font-size:.82rem; margin:.4em 0 0; line-height:1.35 }
.meter { position:relative; height:7px; border-radius:4px; background:var(--rule); margin:.35em 0 }
.meter b { display:block; height:100%; border-radius:4px; background:var(--accent) }
.meter i { position:absolute; top:-4px; width:3px; margin-left:-1px; height:15px; background:var(--tick);
  border:solid var(--card); border-width:0 1px; box-sizing:content-box }
nav { display:flex; flex-wrap:wrap; gap:6px 20px; font-size:.92rem }
a { color:var(--accent) }
.grid { display:grid; gap:14px; margin:14px 0; grid-template-columns:repeat(auto-fill,minmax(min(100%,
  max(var(--w),calc((100% - (var(--n) - 1)*14px)/var(--n)))),1fr)) }
.grid[style$="n:2"] > .table:last-child:nth-child(odd) { grid-column:1/-1 }
section > .table { max-width:560px; margin:14px 0 }
.scroll { overflow-x:auto }
img { display:block; width:100%; height:auto; margin:0 auto }
figcaption, .caption { color:var(--muted); font-size:.85rem; line-height:1.45; margin:.7em 0 0 }
table { border-collapse:collapse; font-size:.92rem; font-variant-numeric:tabular-nums; width:100% }
th, td { padding:5px 12px 5px 8px; border-bottom:1px solid var(--rule); text-align:left; vertical-align:top;
  overflow-wrap:break-word; max-width:32em }
thead th { color:var(--muted); font-size:.82rem; font-weight:600; border-bottom-color:var(--muted); vertical-align:bottom }
tbody th { font-weight:500; max-width:18em }
td.number { text-align:right; white-space:nowrap } th.number { text-align:right }
.bar { background:linear-gradient(var(--bar),var(--bar)) no-repeat left/calc((100% - 4.6em)*var(--share)) 64% }
pre { background:var(--card); border:1px solid var(--rule); border-radius:6px; padding:10px 12px; font-size:.82rem;
  white-space:pre-wrap; line-height:1.45; margin:.6em 0; overflow-wrap:anywhere }
details { margin:.8em 0 } summary { cursor:pointer; color:var(--accent) }
@media (prefers-color-scheme: dark) {
  figure:not(.photos) img { filter:invert(1) hue-rotate(180deg); mix-blend-mode:screen }
  .photos img { border-radius:4px; filter:brightness(.92) } }
@media (max-width:480px) { body { padding:18px 14px 40px } figure, .table { padding:12px 8px } .card { padding:10px 12px }
  .value { font-size:1.55rem } table { font-size:.84rem } th, td { padding:5px 5px 5px 1px; max-width:10em }
  tbody th { max-width:8.5em } .bar { background:none } figcaption, figure h3 { padding:0 4px } }
@media print { :root { --paper:#fff } body { padding:0; font-size:12px; max-width:none } nav { display:none }
  figure, .card, tr, pre { break-inside:avoid } h2, h3 { break-after:avoid } .scroll { overflow:visible }
  img { min-width:0 !important }
  .bar, .meter, .meter * { print-color-adjust:exact; -webkit-print-color-adjust:exact }
  details::details-content { content-visibility:visible; height:auto } }
"""
