"""Titles of games from file names, without region, version, disc and similar suffixes."""

import re
import unicodedata
from collections.abc import Sequence
from pathlib import PurePosixPath

BRACKETS = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|\{[^{}]*\}")
ALIAS_SEPARATOR = " _ "  # between the names of one game: "Wimbledon II _ Wimbledon (Europe)"
PART_SUFFIX = re.compile(  # disc, side, revision or version at the end of a title
    r"[\s,:-]*\b(?:dis[ck]|cd|dvd|side|tape|cart|rev|version|ver|v)"
    r"(?:\.?\s*\d[\d.]*[a-z]?|\b\.?\s*[a-z]?)\s*$",
    re.IGNORECASE,
)
LAST_DIGITS = re.compile(r"[\s#.,:-]*\d+\s*$")
ARTICLE = re.compile(r"^(?:the|an?)\s+|,\s*(?:the|an?)\b", re.IGNORECASE)
NAME_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")
MIN_LETTERS = 3  # last digits are removed only if the rest of the title has this many letters


def parse_titles(name: str) -> tuple[str, ...]:
    """The normalized titles in a file name; several if the name joins aliases of one game.

    "Sonic Chaos (Europe) [!].png", "sonic_chaos2.jpg" and "Sonic Chaos - Disc 2.png" all give
    "sonic chaos". A name that consists of digits or brackets only is kept.
    """
    stem = PurePosixPath(name).stem if PurePosixPath(name).suffix.lower() in NAME_SUFFIXES else name
    aliases = strip_brackets(stem).split(ALIAS_SEPARATOR)
    titles = [normalize_title(alias) for alias in aliases]
    return tuple(dict.fromkeys(title for title in titles if title)) or (stem.casefold(),)


def strip_brackets(text: str) -> str:
    """`text` without (...), [...] and {...}, nested ones included."""
    stripped = BRACKETS.sub(" ", text)
    return stripped if stripped == text else strip_brackets(stripped)


def normalize_title(text: str) -> str:
    """Removes part suffix, last digits, article, case, accents and punctuation."""
    text = re.sub(r"[_\s]+", " ", text).strip()
    while (shorter := PART_SUFFIX.sub("", text)) != text and count_letters(shorter):
        text = shorter
    while (shorter := LAST_DIGITS.sub("", text)) != text and count_letters(shorter) >= MIN_LETTERS:
        text = shorter
    text = ARTICLE.sub(" ", text) if count_letters(ARTICLE.sub(" ", text)) else text
    characters = unicodedata.normalize("NFKD", text.casefold())
    base = "".join(character for character in characters if not unicodedata.combining(character))
    return " ".join(re.findall(r"[^\W_]+", base))


def count_letters(text: str) -> int:
    """Number of letters in `text`."""
    return sum(character.isalpha() for character in text)


def group_by_shared_title(names: Sequence[str]) -> list[str]:
    """The group of each name: names that share a title, directly or by a chain of aliases."""
    parents: dict[str, str] = {}

    def root(title: str) -> str:
        while parents.setdefault(title, title) != title:
            title = parents[title]
        return title

    first_titles = []
    for name in names:
        title, *aliases = parse_titles(name)
        first_titles.append(title)
        for alias in aliases:
            first, second = sorted((root(title), root(alias)))
            parents[second] = first
    return [root(title) for title in first_titles]
