"""Executes Python files of users: configs, search spaces and studies."""

import runpy
import traceback
from collections.abc import Callable
from typing import Any

from gv_jax.errors import UserError


def run_user_file(file: str) -> dict[str, Any]:
    """The names that a Python file defines.

    Raises:
        UserError: it is not valid Python, or fails; names the line.
    """
    try:
        return runpy.run_path(file)
    except UserError:
        raise
    except Exception as error:
        raise explain_failure(file, error) from error


def call_user_function(file: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """The result of a function of a Python file.

    Raises:
        UserError: it fails; names the line.
    """
    try:
        return function(*arguments)
    except UserError:
        raise
    except Exception as error:
        raise explain_failure(file, error) from error


def explain_failure(file: str, error: Exception) -> UserError:
    """One line on an exception that code in `file` raised."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__)]
    names = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    own = [line for line, name in zip(lines, names, strict=True) if name == file]
    line = error.lineno if isinstance(error, SyntaxError) else own[-1] if own else None
    place = f"{file}, line {line}" if line else file
    reason = error.msg if isinstance(error, SyntaxError) else str(error)
    return UserError(f"{place}: {type(error).__name__}: {reason}")
