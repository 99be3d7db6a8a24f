"""The folder of one run: its configuration, its log, and whether it is new, cut off or finished."""

import csv
import dataclasses
import importlib.metadata
import io
import json
import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
from tensorboardX import SummaryWriter

from gv_jax.errors import UserError

NON_METRICS = ("step", "epoch", "split", "learning_rate", "images_per_second")  # in rows of the log
RECORDED_PACKAGES = (
    "gv_jax",
    "jax",
    "flax",
    "optax",
    "orbax-checkpoint",
    "tensorflow-datasets",
    "numpy",
    "pillow",
)


@dataclasses.dataclass(frozen=True)
class RunDir:
    """`path` with config.json, metrics.jsonl, tensorboard/, checkpoints/, results.json … inside."""

    path: Path

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def figures(self) -> Path:
        """The folder of the figures."""
        return self.path / "figures"

    @property
    def finished(self) -> bool:
        """Whether the report, which is written last, is there."""
        return (self.path / "report.html").exists()

    @property
    def results(self) -> dict[str, Any] | None:
        """What the run found; None before its evaluation."""
        file = self.path / "results.json"
        return json.loads(file.read_text("utf-8")) if file.exists() else None

    @property
    def config(self) -> dict[str, Any]:
        """The configuration of the run, as it was opened."""
        return json.loads((self.path / "config.json").read_text("utf-8"))["config"]

    def check_same_config(
        self, config: dict[str, Any], defaults: dict[str, Any] | None = None
    ) -> None:
        """UserError unless the folder is new or empty, or a run of this very `config`.

        A field that the run was made without has its value in `defaults`: fields are added as the project grows.
        """
        file = self.path / "config.json"
        if file.exists():
            ours, theirs = (
                flatten(json.loads(json.dumps(config))),
                flatten(json.loads(json.dumps(defaults or {}))),
            )
            theirs |= flatten(self.config)
            changed = sorted(
                name for name in {*theirs, *ours} if theirs.get(name) != ours.get(name)
            )
            if changed:
                first = changed[0]
                raise UserError(
                    f"{self.path} holds a run of another config: {first} is {theirs.get(first)!r} there and "
                    f"{ours.get(first)!r} here ({len(changed)} fields differ: {', '.join(changed[:6])}); "
                    "give another --workdir, or remove that folder"
                )
        elif self.path.exists() and not (
            self.path.is_dir()
            and all(file.name.startswith("lease") for file in self.path.iterdir())
        ):
            raise UserError(
                f"{self.path} is there already and holds no run: give another --workdir"
            )

    def open(self, config: dict[str, Any], arguments: Sequence[str] = ()) -> None:
        """Makes the folder and config.json unless they are there. arguments: as if so told, not as this process was."""
        file = self.path / "config.json"
        if not file.exists():
            self.path.mkdir(parents=True, exist_ok=True)
            write_json(
                file,
                {
                    "config": config,
                    **run_metadata(arguments or sys.argv[1:]),
                    "seed": config["seed"],
                },
            )

    def rows(self) -> list[dict[str, Any]]:
        """The logged rows, oldest first; a last line that a kill cut off is left out."""
        file = self.path / "metrics.jsonl"
        rows = []
        for line in file.read_text("utf-8").splitlines() if file.exists() else []:
            try:
                rows.append(json.loads(line))
            except json.JSONDecodeError:
                break
        return rows

    def metrics_at(self, epochs: Sequence[int]) -> list[dict[str, Any]]:
        """A row for each of `epochs` that was reached: {"epoch", and every score as "valid_mse"}."""
        found: dict[int, dict[str, Any]] = {epoch: {} for epoch in sorted(set(epochs))}
        for row in self.rows():
            if row["epoch"] in found:
                scores = {name: value for name, value in row.items() if name not in NON_METRICS}
                found[row["epoch"]] |= {
                    f"{row['split']}_{name}": value for name, value in scores.items()
                }
        return [{"epoch": epoch, **scores} for epoch, scores in found.items() if scores]

    def truncate_log(self, step: int) -> None:
        """Forgets rows logged after `step`: a resumed run goes that way again."""
        kept = [json.dumps(row) + "\n" for row in self.rows() if row["step"] <= step]
        write_text(self.path / "metrics.jsonl", "".join(kept))

    def log(self, row: dict[str, Any]) -> None:
        """Appends `row` {"step", "epoch", "split", metrics …} to metrics.jsonl."""
        with (self.path / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def tensorboard_writer(self, step: int) -> SummaryWriter:
        """A TensorBoard writer that goes on from `step`."""
        return SummaryWriter(str(self.path / "tensorboard"), purge_step=step + 1)

    def write_predictions(self, rows: list[dict[str, Any]]) -> None:
        """Writes predictions.csv, a row for each of `rows`, which have the same fields."""
        text = io.StringIO()
        table = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
        write_text(self.path / "predictions.csv", text.getvalue())

    def write_results(self, results: dict[str, Any]) -> None:
        """Writes results.json."""
        write_json(self.path / "results.json", results)


def run_metadata(arguments: Sequence[str]) -> dict[str, Any]:
    """What the run was started with and on: command line, versions, git commit, device."""
    device = jax.devices()[0]
    return {
        "command": ["python", "-m", "gv_jax.main", *arguments],
        "versions": {
            "python": platform.python_version(),
            **{name: package_version(name) for name in RECORDED_PACKAGES},
        },
        "git_commit": git_commit(),
        "device": f"{jax.device_count()} x {device.device_kind} ({device.platform})",
    }


def package_version(package: str) -> str:
    """The installed version of `package`, or "" where it is used from its folder without being installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def git_commit() -> str:
    """The commit of this checkout, with a "+" where files are changed; "" outside of a checkout."""
    here = Path(__file__).parent
    try:
        commit, changes = (
            subprocess.run(
                ["git", *words], cwd=here, capture_output=True, text=True, check=True
            ).stdout.strip()
            for words in (["rev-parse", "HEAD"], ["status", "--porcelain", "--untracked-files=no"])
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return commit + ("+" if changes else "")


def flatten(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested dicts as one, {"data.name": …}."""
    leaves: dict[str, Any] = {}
    for name, value in tree.items():
        leaves |= (
            flatten(value, f"{prefix}{name}.")
            if isinstance(value, dict)
            else {prefix + name: value}
        )
    return leaves


def write_json(file: Path, value: Any) -> None:
    """Writes `value` so that a kill leaves the whole file or none."""
    write_text(file, json.dumps(value, indent=2) + "\n")


def write_text(file: Path, text: str) -> None:
    """Writes `text` so that a kill leaves the whole file or none."""
    partial = file.with_name(file.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(file)
