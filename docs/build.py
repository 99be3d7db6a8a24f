"""Fills the generated parts of README.md and docs/: `python docs/build.py [--check]`.

Tables come from docs/studies/*.csv, which hold the numbers of the studies, and docs/config.md from
gv_jax/config/default.py, so that a number is stated in one place. A generated part stands between
`<!-- table: NAME -->` and `<!-- end -->`. A cell may refer to another table, as in
`{textures|inception|plain}`: the row whose first cell is `inception`, or else contains it, the
column `plain`.
With --check, nothing is written, and the exit status says whether everything is up to date.
"""

import csv
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
STUDIES = ROOT / "docs" / "studies"
REFERENCE = re.compile(r"\{(\w+)\|([^|}]+)\|([^}]+)\}")
PART = re.compile(r"(<!-- table: (?P<name>[\w./-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def read_rows(name: str) -> list[list[str]]:
    """docs/studies/NAME.csv with references resolved; the first row is the head."""
    with (STUDIES / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return [[REFERENCE.sub(resolve, cell) for cell in row] for row in csv.reader(file)]


def resolve(reference: re.Match[str]) -> str:
    """The cell of another table that a reference names."""
    name, key, column = reference.groups()
    head, *rows = read_rows(name)
    (row,) = [row for row in rows if row[0] == key] or [row for row in rows if key in row[0]]
    return row[head.index(column)]


def make_table(name: str) -> str:
    """docs/studies/NAME.csv as a Markdown table; columns of numbers are right-aligned."""
    head, *rows = read_rows(name)
    numeric = [all(is_number(row[index]) for row in rows) for index in range(len(head))]
    rule = ["--:" if right else "---" for right in numeric]
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, rule, *rows))


def is_number(cell: str) -> bool:
    """Whether a cell is empty, a dash or starts with a number."""
    return cell in ("", "\N{EN DASH}") or re.match(r"[-+±]?\d", cell.lstrip("*")) is not None


def describe_config() -> str:
    """docs/config.md."""
    sys.path.insert(0, str(ROOT))
    from flax.traverse_util import flatten_dict

    from gv_jax.config import default
    from gv_jax.config.describe import read_meanings

    lines = [
        "# Configuration",
        "",
        "Every field, its default and its meaning; generated from `gv_jax/config/default.py`."
        " A field is set by the config file of a run or on the command line, as in"
        " `--config.optimizer.learning_rate=3e-4`. 0 (or an empty string or tuple) switches an"
        " option off unless its line says otherwise. Fields marked * take the values of"
        " pretrained weights.",
        "",
        "| field | default | meaning |",
        "| --- | --- | --- |",
    ]
    values = flatten_dict(default.get_config().to_dict(), sep=".")
    for name, meaning in read_meanings().items():
        lines.append(f"| `{name}` | `{values[name]!r}` | {meaning} |")
    return "\n".join(lines) + "\n"


def build() -> dict[Path, str]:
    """Path -> its content with all generated parts up to date."""
    files = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    texts = {file: file.read_text("utf-8") for file in files}
    built = {
        file: PART.sub(lambda match: match[1] + make_table(match["name"]) + match[3], text)
        for file, text in texts.items()
    }
    return {**built, ROOT / "docs" / "config.md": describe_config()}


def main() -> None:
    outdated = [
        file
        for file, text in build().items()
        if not file.exists() or file.read_text("utf-8") != text
    ]
    if "--check" in sys.argv[1:]:
        sys.exit("".join(f"out of date: {file.relative_to(ROOT)}\n" for file in outdated) or 0)
    for file, text in build().items():
        file.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
