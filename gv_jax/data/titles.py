"""Which files show one game: its title, read from a file's name, without region, version, disc and the like."""

import re
import unicodedata
from collections.abc import Sequence
from pathlib import PurePosixPath

BRACKETS = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|\{[^{}]*\}")
ALIAS_SEPARATOR = " _ "  # between the titles of a game that is called otherwise elsewhere, as "Wimbledon II _ Wimbledon (Europe)"
PART_SUFFIX = re.compile(  # behind a title: which disc, side, revision or version it is
    r"[\s,:-]*\b(?:dis[ck]|cd|dvd|side|tape|cart|rev|version|ver|v)(?:\.?\s*\d[\d.]*[a-z]?|\b\.?\s*[a-z]?)\s*$",
    re.IGNORECASE,
)
LAST_DIGITS = re.compile(r"[\s#.,:-]*\d+\s*$")
ARTICLE = re.compile(r"^(?:the|an?)\s+|,\s*(?:the|an?)\b", re.IGNORECASE)
NAME_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")
MIN_LETTERS = (
    3  # what is left of a title without its last digits has so many at least, or the digits stay
)


def parse_titles(name: str) -> tuple[str, ...]:
    """The titles in a file's name, of which all say the same: one, or two where `JOINT` stands between them.

    Brackets with what is in them, disc, side, revision and version, an article, and digits at the end are left out,
    and capitals, accents and punctuation do not count: "Sonic Chaos (Europe) [!].png", "sonic_chaos2.jpg" and
    "Sonic Chaos - Disc 2.png" are all "sonic chaos". A name of digits stays what it is.
    """
    stem = PurePosixPath(name).stem if PurePosixPath(name).suffix.lower() in NAME_SUFFIXES else name
    return tuple(
        dict.fromkeys(
            normalize_title(part)
            for part in strip_brackets(stem).split(ALIAS_SEPARATOR)
            if normalize_title(part)
        )
    ) or (stem.casefold(),)


def strip_brackets(text: str) -> str:
    """`text` without what stands in brackets, also in one another."""
    without = BRACKETS.sub(" ", text)
    return without if without == text else strip_brackets(without)


def normalize_title(text: str) -> str:
    """A title as it is compared."""
    text = re.sub(r"[_\s]+", " ", text).strip()
    while (shorter := PART_SUFFIX.sub("", text)) != text and count_letters(shorter):
        text = shorter
    while (shorter := LAST_DIGITS.sub("", text)) != text and count_letters(shorter) >= MIN_LETTERS:
        text = shorter
    text = ARTICLE.sub(" ", text) if count_letters(ARTICLE.sub(" ", text)) else text
    folded = "".join(
        sign
        for sign in unicodedata.normalize("NFKD", text.casefold())
        if not unicodedata.combining(sign)
    )
    return " ".join(re.findall(r"[^\W_]+", folded))


def count_letters(text: str) -> int:
    """How many letters it has."""
    return sum(sign.isalpha() for sign in text)


def group_by_shared_title(names: Sequence[str]) -> list[str]:
    """Of each name what it belongs to: names that share a title, also by way of a third, have the same."""
    above: dict[str, str] = {}

    def root(title: str) -> str:
        while above.setdefault(title, title) != title:
            title = above[title]
        return title

    first = []
    for name in names:
        found = parse_titles(name)
        first.append(found[0])
        for other in found[1:]:
            one, two = sorted((root(found[0]), root(other)))
            above[two] = one
    return [root(title) for title in first]
