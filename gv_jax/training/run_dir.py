"""The directory of one run: its configuration, log, checkpoints and results."""

import csv
import dataclasses
import io
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flax.traverse_util import flatten_dict

from gv_jax.data.record import DataRecord, record_from_json, record_to_json
from gv_jax.errors import UserError
from gv_jax.training.run_metadata import run_metadata

if TYPE_CHECKING:
    from tensorboardX import SummaryWriter

FORMAT_VERSION = 3  # of the files in a run directory
NON_METRICS = (  # in log rows
    *("step", "epoch", "split"),
    *("learning_rate", "images_per_second", "data_wait"),
)
# Fields that say where images are and how they are read. Which images they are is a matter of
# data.json.
LOCATION_FIELDS = (
    *("data.root", "data.path", "data.cache_mb"),
    *("train.read_threads", "train.prefetch"),
)


@dataclasses.dataclass(frozen=True)
class RunDir:
    """config.json, data.json, metrics.jsonl, tensorboard/, checkpoints/, ... in `path`.

    Attributes:
        path: the folder.
        is_writer: False in all processes of a run but one: nothing is written then.
    """

    path: Path
    is_writer: bool = True

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def figures(self) -> Path:
        return self.path / "figures"

    @property
    def finished(self) -> bool:
        """Whether report.html, which is written last, exists."""
        return (self.path / "report.html").exists()

    @property
    def results(self) -> dict[str, Any] | None:
        """The content of results.json; None before the evaluation."""
        file = self.path / "results.json"
        return read_json_object(file) if file.exists() else None

    @property
    def outcome(self) -> str:
        """The summary of the results, and the path of the report."""
        return f"{(self.results or {})['summary']} Report: {self.path / 'report.html'}"

    @property
    def config(self) -> dict[str, Any]:
        """The configuration in config.json."""
        return self.metadata["config"]

    @property
    def metadata(self) -> dict[str, Any]:
        """The content of config.json."""
        return read_json_object(self.path / "config.json", needed=("config",))

    def check_same_config(
        self, config: dict[str, Any], defaults: dict[str, Any] | None = None
    ) -> None:
        """Checks that the directory is new, or holds a run of this very configuration.

        A directory that holds nothing but files of the run's lease counts as new.

        Args:
            config: of the run to start or resume.
            defaults: values of fields that did not exist yet when the stored run was started.

        Raises:
            UserError: another configuration, an older format, or files that are no run.
        """
        if not (self.path / "config.json").exists():
            if self.path.exists() and not self._is_new():
                raise UserError(f"{self.path} exists and holds no run: give another --workdir")
            return
        self.check_format_version()
        current = flatten_config(to_json_types(config))
        stored = flatten_config(to_json_types(defaults or {})) | flatten_config(self.config)
        changed = [
            name
            for name in sorted({*stored, *current})
            if name not in LOCATION_FIELDS and stored.get(name) != current.get(name)
        ]
        if changed:
            first, *others = changed
            more = f", and {', '.join(others[:5])} differ too" if others else ""
            raise UserError(
                f"{self.path} holds a run of another config: {first} is {stored.get(first)!r} "
                f"there and {current.get(first)!r} here{more}; give another --workdir, or remove "
                "that folder"
            )

    def check_format_version(self) -> None:
        """Raises UserError if the run was written in another format than FORMAT_VERSION."""
        version = self.metadata.get("format_version", 1)
        if version != FORMAT_VERSION:
            raise UserError(
                f"{self.path} holds a run of format_version {version}, "
                f"and this version of gv_jax needs {FORMAT_VERSION}: train it in a new --workdir"
            )

    def _is_new(self) -> bool:
        own = ("lease", "data.json")
        is_folder = self.path.is_dir()
        return is_folder and all(file.name.startswith(own) for file in self.path.iterdir())

    @property
    def data_record(self) -> DataRecord | None:
        """The content of data.json: the images of the run; None before it began.

        Raises:
            UserError: a run has no data.json, which is written before config.json, or a damaged
                one. A new split would make training images test images.
        """
        file = self.path / "data.json"
        if not (self.path / "config.json").exists():
            return None
        try:
            return record_from_json(json.loads(file.read_text("utf-8")))
        except FileNotFoundError as error:
            raise UserError(
                f"{file} is missing: copy the run directory again, or give another --workdir for "
                "a new run"
            ) from error
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{file} is damaged ({error}): copy the run directory again, or give another "
                "--workdir for a new run"
            ) from error

    def open(
        self,
        config: dict[str, Any],
        record: DataRecord,
        arguments: Sequence[str] = (),
        weights: Mapping[str, str] | None = None,
    ) -> None:
        """Creates the directory, data.json and config.json unless they exist.

        Args:
            config: of the run.
            record: of its data.
            arguments: of the command line to record; by default those of this process.
            weights: source and license of its initial weights, as of `record_weights`.
        """
        file = self.path / "config.json"
        if file.exists() or not self.is_writer:
            return
        self.path.mkdir(parents=True, exist_ok=True)
        content = {
            "format_version": FORMAT_VERSION,
            "config": config,
            **run_metadata(arguments or sys.argv[1:]),
            "seed": config["seed"],
            **({"weights": dict(weights)} if weights else {}),
        }
        text = json.dumps(record_to_json(record), separators=(",", ":"))
        write_text(self.path / "data.json", text + "\n")
        write_json(file, content)

    def rows(self) -> list[dict[str, Any]]:
        """The log rows, oldest first; without a last line that an interruption truncated."""
        file = self.path / "metrics.jsonl"
        rows = []
        for line in file.read_text("utf-8").splitlines() if file.exists() else []:
            try:
                row = json.loads(line)
            except json.JSONDecodeError:
                break
            if not isinstance(row, dict):
                break
            rows.append(row)
        return rows

    def metrics_at(self, epochs: Sequence[int]) -> list[dict[str, Any]]:
        """One row for each of `epochs` that has log rows: {"epoch", "valid_mse", ...}."""
        metrics_of: dict[int, dict[str, Any]] = {epoch: {} for epoch in sorted(set(epochs))}
        for row in self.rows():
            if row["epoch"] in metrics_of:
                metrics_of[row["epoch"]] |= {
                    f"{row['split']}_{name}": value
                    for name, value in row.items()
                    if name not in NON_METRICS
                }
        return [{"epoch": epoch, **metrics} for epoch, metrics in metrics_of.items() if metrics]

    def truncate_log(self, step: int) -> None:
        """Removes log rows after `step`; a resumed run writes them again."""
        if not self.is_writer:
            return
        lines = [json.dumps(row) + "\n" for row in self.rows() if row["step"] <= step]
        write_text(self.path / "metrics.jsonl", "".join(lines))

    def log(self, row: dict[str, Any]) -> None:
        """Appends `row` {"step", "epoch", "split", metrics ...} to metrics.jsonl."""
        if not self.is_writer:
            return
        with (self.path / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def tensorboard_writer(self, step: int) -> "SummaryWriter":
        """A TensorBoard writer that removes events after `step`."""
        from tensorboardX import SummaryWriter  # imports PyTorch, if it is installed: seconds

        folder = str(self.path / "tensorboard")
        return SummaryWriter(folder, purge_step=step + 1, write_to_disk=self.is_writer)

    def write_predictions(self, rows: list[dict[str, Any]]) -> None:
        """Writes predictions.csv; all of `rows` have the same fields."""
        text = io.StringIO()
        table = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
        write_text(self.path / "predictions.csv", text.getvalue())

    def write_results(self, results: dict[str, Any]) -> None:
        """Writes results.json."""
        write_json(self.path / "results.json", results)


def flatten_config(config: dict[str, Any]) -> dict[str, Any]:
    """Nested dicts as one dict with dotted names, {"data.name": ...}."""
    return flatten_dict(config, sep=".")


def to_json_types(config: dict[str, Any]) -> dict[str, Any]:
    """`config` as it is read back from a JSON file: tuples become lists."""
    return json.loads(json.dumps(config))


def read_json_object(file: Path, needed: Sequence[str] = ()) -> dict[str, Any]:
    """The object in a JSON file of a run directory.

    Args:
        file: the file.
        needed: keys that it must have.

    Raises:
        UserError: there is no such file, or it is damaged.
    """
    try:
        content = json.loads(file.read_text("utf-8"))
    except FileNotFoundError as error:
        raise UserError(
            f"{file.parent} is an incomplete copy of a run: {file.name} is missing; copy the whole "
            "folder again"
        ) from error
    except ValueError as error:  # UnicodeDecodeError is one too
        raise UserError(
            f"{file} is damaged ({error}): copy the run directory again, or train in a new "
            "--workdir"
        ) from error
    if not isinstance(content, dict) or not set(needed) <= content.keys():
        raise UserError(
            f"{file} is not of a run: copy the run directory again, or train in a new --workdir"
        )
    return content


def write_json(file: Path, value: Any) -> None:
    """Writes `value` as `write_text` does."""
    write_text(file, json.dumps(value, indent=2) + "\n")


def write_text(file: Path, text: str) -> None:
    """Writes `text` atomically: an interrupted process leaves the whole file or none."""
    partial = file.with_name(file.name + ".partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(file)
    except OSError as error:
        partial.unlink(missing_ok=True)
        error.filename = error.filename or str(file)
        raise
