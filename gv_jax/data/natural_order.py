"""Natural order of names: image2 before image10, class 9 before class 10."""

import re

NUMBER = re.compile(r"[0-9]+")


def natural_key(name: str) -> tuple[str, str]:
    """Sort key that compares runs of the digits 0 to 9 as numbers, all else by code point.

    Args:
        name: a file, path or class name.

    Returns:
        The name with every number as "0", its length and its digits without leading zeros; and
        the name itself, which orders "1" and "01".
    """
    return NUMBER.sub(_encode_number, name), name


def _encode_number(match: re.Match[str]) -> str:
    digits = match[0].lstrip("0")
    return f"0{chr(len(digits))}{digits}"
