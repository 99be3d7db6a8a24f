"""The fields of a configuration as text: defaults, comments of default.py, valid names."""

import ast
import io
import tokenize
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from gv_jax.data.builders.registry import DATASETS
from gv_jax.models import MODELS
from gv_jax.tasks.registry import TASKS

NAMES: dict[str, Iterable[str]] = {"task": TASKS, "model.name": MODELS, "data.name": DATASETS}
DEFAULT_FILE = Path(__file__).with_name("default.py")


def describe_fields(values: Mapping[str, Any]) -> str:
    """One line per field: `--config.x.y=VALUE`, then its meaning, in the order of default.py.

    Args:
        values: dotted name -> value of every field.
    """
    lines = []
    for name, comment in read_meanings().items():
        text = f"  --config.{name}={values[name]!r}"
        lines.append(f"{text:<44}  {comment}".rstrip())
    return "\n".join(lines)


def read_meanings() -> dict[str, str]:
    """Dotted field name -> its comment and, for a name, all valid ones."""
    return {
        name: f"{comment} {', '.join(NAMES[name])}" if name in NAMES else comment
        for name, comment in read_comments().items()
    }


def read_comments() -> dict[str, str]:
    """Dotted field name -> the comment on the line of its default, in the order of the file."""
    source = DEFAULT_FILE.read_text("utf-8")
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    by_line = {
        token.start[0]: token.string.lstrip("# ")
        for token in tokens
        if token.type == tokenize.COMMENT
    }
    functions = {
        node.name: node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)
    }
    comments: dict[str, str] = {}

    def visit(node: ast.Dict, prefix: str) -> None:
        for key, value in zip(node.keys, node.values, strict=True):
            assert isinstance(key, ast.Constant)
            name = f"{prefix}{key.value}"
            if isinstance(value, ast.Dict):
                visit(value, f"{name}.")
            elif isinstance(value, ast.Call):
                visit(_returned_dict(functions["data"]), f"{name}.")
            else:
                comments[name] = by_line.get(key.lineno, "")

    visit(_returned_dict(functions["get_config"]), "")
    return comments


def _returned_dict(function: ast.FunctionDef) -> ast.Dict:
    return next(node for node in ast.walk(function) if isinstance(node, ast.Dict))
