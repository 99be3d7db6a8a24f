"""The front matter of a model card: fields in a README.md between two lines of three dashes."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml

CARD_NAME = "README.md"
MAX_CARD_BYTES = 4 * 2**20  # read; front matters with results of many benchmarks are long
MAX_FIELD_LINES = 100  # of one field
FIELD = re.compile(r"""["']?([\w-]+)["']?\s*:(\s|$)""")


def read_card_fields(file: Path, names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The values of fields in the front matter of a card.

    Only the lines of these fields are parsed: others may be long, or no valid YAML.

    Args:
        file: the card.
        names: of the fields.

    Returns:
        Name -> values without those that are empty, one for a field that is no list. Fields that
        are absent, no valid YAML, or neither a string nor a list of strings are left out; all of
        them if there is no such file or no front matter.
    """
    fields = {}
    for name, text in split_fields(read_front_matter(file)):
        if name in names:
            values = parse_values(text)
            fields |= {name: values} if values else {}
    return fields


def read_front_matter(file: Path) -> list[str]:
    """The lines of the front matter; none without any."""
    try:
        with file.open("rb") as content:
            text = content.read(MAX_CARD_BYTES).decode("utf-8-sig", "replace")
    except OSError:
        return []
    first, *lines = text.lstrip().splitlines() or [""]
    ends = [number for number, line in enumerate(lines) if line.rstrip() in ("---", "...")]
    return lines[: ends[0]] if first.rstrip() == "---" and ends else []


def split_fields(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The name and the text of each field that begins a line, without those of nested ones."""
    name, field = "", []
    for line in lines:
        match = FIELD.match(line)
        if match:
            yield name, "\n".join(field)
            name, field = match[1], [line]
        elif len(field) < MAX_FIELD_LINES:
            field.append(line)
    yield name, "\n".join(field)


def parse_values(text: str) -> tuple[str, ...]:
    """The strings in the YAML of one field; none if it has anything else."""
    try:
        content = yaml.load(text, yaml.BaseLoader)  # strings, lists and dicts only
    except (yaml.YAMLError, ValueError, RecursionError):
        return ()
    (value,) = content.values() if isinstance(content, dict) and len(content) == 1 else ((),)
    values = value if isinstance(value, list | tuple) else [value]
    if not all(isinstance(item, str) for item in values):
        return ()
    return tuple(stripped for item in values if (stripped := " ".join(item.split())))
