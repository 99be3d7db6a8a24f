"""The line for a value of a config field that is not of the field's type."""

from collections.abc import Mapping
from typing import Any

from gv_jax.errors import UserError

KINDS = {bool: "True or False", int: "a whole number", float: "a number", tuple: "a tuple"}


def explain_field_error(
    current: Mapping[str, Any], fields: Mapping[str, str], reason: str
) -> UserError:
    """The error for the first of `fields` whose text is not of the type of its value.

    Args:
        current: dotted name -> value of every field before it is set.
        fields: dotted name -> text of the command line.
        reason: of the parser; shown if no field is found.
    """
    for name, text in fields.items():
        value = current[name]
        if not is_valid(value, text):
            kind = KINDS[type(value)]
            return UserError(
                f"--config.{name}={text}: the value must be {kind}, as in --config.{name}={value}"
            )
    return UserError(reason)


def is_valid(value: Any, text: str) -> bool:
    """Whether `text` can replace `value`, as the parser of ml_collections decides it."""
    if isinstance(value, bool):
        return text.lower() in ("true", "t", "1", "false", "f", "0")
    if not isinstance(value, int | float):
        return True
    try:
        type(value)(text)
    except ValueError:
        return False
    return True
