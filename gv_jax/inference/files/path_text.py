r"""Paths as printable text that can be turned back: what tables, CSV, JSON and manifests hold.

A name on Linux is a sequence of bytes. Printable UTF-8 stays as it is, a backslash is written twice
and every other byte as \xHH. Separators are slashes on all systems.
"""

import os
import re
from pathlib import Path

FORMULA_STARTS = ("=", "+", "-", "@")  # of cells that spreadsheets compute
ESCAPE = re.compile(rb"\\(?:x([0-9a-f]{2})|(\\))")


def escape_path(path: str | Path) -> str:
    r"""A path on one line: "a\nb.png" becomes "a\\x0ab.png"; most paths are unchanged."""
    text = os.fspath(path)
    if os.sep != "/":
        text = text.replace(os.sep, "/")
    if text.isprintable() and "\\" not in text:
        return text
    return "".join(map(_escape_character, text))


def escape_cell(text: str) -> str:
    r"""`escape_path` for a cell of a table: "=1+2" becomes "\x3d1+2", which is no formula."""
    return escape_start(escape_path(text))


def escape_start(escaped: str) -> str:
    """What `escape_cell` returns for a text of which `escape_path` returns this."""
    if escaped.startswith(FORMULA_STARTS):
        return f"\\x{ord(escaped[0]):02x}{escaped[1:]}"
    return escaped


def unescape_path(text: str) -> str:
    """The text that `escape_path` or `escape_cell` was called with."""
    if "\\" not in text:
        return text
    return os.fsdecode(ESCAPE.sub(_read_escape, text.encode()))


def _escape_character(character: str) -> str:
    if character == "\\":
        return "\\\\"
    if character.isprintable():
        return character
    return "".join(f"\\x{byte:02x}" for byte in os.fsencode(character))


def _read_escape(match: re.Match[bytes]) -> bytes:
    return bytes([int(match[1], 16)]) if match[1] else b"\\"
