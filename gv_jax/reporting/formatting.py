"""Names and values of results as text for readers, by the registry of metrics."""

from collections.abc import Sequence
from typing import Any

from gv_jax.evaluation.metrics import get_metric
from gv_jax.wording import count_noun

NO_VALUE = "\N{EN DASH}"


def humanize(name: str) -> str:
    """The title of a metric or field in running text: "macro_f1" -> "macro F1"."""
    return get_metric(name).title


def heading(name: str) -> str:
    """The same as a heading: "Macro F1"."""
    title = humanize(name)
    return title[:1].upper() + title[1:]


def format_value(name: str, value: Any) -> str:
    """The value of a metric or field with its unit; a dash for None and the empty string."""
    if value is None or value == "":
        return NO_VALUE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, int | float):
        return str(value)
    metric = get_metric(name)
    if metric.unit == "s":
        return format_duration(value)
    shown = 100 * value if metric.unit == "%" else value
    number = format(shown, metric.format) if metric.format else format_number(shown)
    return f"{number} {metric.unit}".rstrip()


def format_number(value: float) -> str:
    """Integers in full; other numbers with 3 significant digits or 3 decimals."""
    value = value or 0  # no "-0"
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{value:,.0f}"
    if abs(value) >= 100:
        return f"{value:.1f}"
    return f"{value:.3f}" if abs(value) >= 0.1 else f"{value:.3g}"


def format_duration(seconds: float) -> str:
    """ "0.42 s", "18.2 s", "3 min 05 s" or "2 h 10 min"."""
    if seconds < 1:
        return f"{seconds:.2f} s"
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    minutes = round(seconds) // 60
    if minutes < 60:
        return f"{minutes} min {round(seconds) % 60:02d} s"
    return f"{minutes // 60:,} h {minutes % 60:02d} min"


def format_tta(flip: bool, shift: int) -> str:
    """ "flip, shift by 8 pixels"."""
    shifts = [f"shift by {count_noun(shift, 'pixel')}"] if shift else []
    return ", ".join([*(["flip"] if flip else []), *shifts])


def format_markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, numbers to the right; it is also read in a terminal.

    Every cell is on one line, and its pipes are escaped.
    """

    def format_row(cells: Sequence[str]) -> str:
        texts = (" ".join(cell.split()).replace("|", r"\|") for cell in cells)
        return f"| {' | '.join(texts)} |"

    marks = ["---", *["--:"] * (len(header) - 1)]
    return "\n".join([format_row(header), format_row(marks), *map(format_row, rows)])
