"""The data of a run: read from the present data set, and held to what the run began with.

The runs of a study share records, so that all of them use the same images.
"""

import dataclasses
import hashlib
import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from gv_jax.config.default import Config
from gv_jax.data.arrays import Dataset
from gv_jax.data.dataset import TRAINING_FIELDS, load_dataset
from gv_jax.data.output_folder import check_output
from gv_jax.data.record import (
    Changes,
    DataRecord,
    describe_changes,
    find_changes,
    make_record,
    record_from_json,
    record_to_json,
    restore_recorded,
)
from gv_jax.data.transforms import SUPER_RESOLUTION, parse_preprocess
from gv_jax.errors import UserError
from gv_jax.inference.upscale import make_lazy_upscaler
from gv_jax.tasks.registry import TASKS
from gv_jax.training.run_dir import RunDir, to_json_types
from gv_jax.wording import count_noun

LOGGER = logging.getLogger(__name__)
REJECT, KEEP = "reject", "keep"
POLICIES = (REJECT, KEEP)  # values of --on-changed-data
# Fields of config.data that change the pixels but not which images there are; of these, runs that
# share a record may have different values. The rest determines ids and splits.
PIXEL_FIELDS = (
    *("size", "crop_pct", "channels", "resize_mode", "interpolation", "background", "preprocess"),
    *("super_resolution", "mean", "std", "root", "cache_mb"),
)


class DataPolicy(NamedTuple):
    """What to do on changed data.

    Attributes:
        on_changed: "reject", or "keep" to continue on the recorded images.
        records: Folder of the records that the runs of a study share; None for a run by itself.
    """

    on_changed: str = REJECT
    records: Path | None = None


REJECT_CHANGES = DataPolicy()


class RunData(NamedTuple):
    """The data set of a run.

    Attributes:
        dataset: The images to use.
        record: What the run records of them.
        changes: How the present data set differs from the record.
        section: The section config.data with which the present data set was prepared.
    """

    dataset: Dataset
    record: DataRecord
    changes: Changes
    section: Config = None


def load_run_data(
    config: Config, run_dir: RunDir, policy: DataPolicy, *, training: bool
) -> RunData:
    """The data of a run: what it recorded when it began, read from the present data set."""
    check_output(config.data, run_dir.path, "the run directory", "--workdir")
    source = {"task": config.task, "data": to_json_types(config.data.to_dict())}
    recorded = run_dir.data_record or find_shared_record(policy.records, source)
    if recorded:
        present, section = load_recorded_data(config, run_dir.path)
    else:
        present, section = load_data(config, config.data), config.data
    data = match_recorded(present, run_dir, source, policy, training=training)
    data = data._replace(section=section)
    if config.probe.method:  # which sees every image once
        return data
    dataset = warn_of_large_batch(data.dataset, config.train.batch_size, log=training)
    return data._replace(dataset=dataset)


def warn_of_large_batch(dataset: Dataset, batch_size: int, *, log: bool) -> Dataset:
    """`dataset` with a warning if a batch is larger than its training split.

    Args:
        dataset: The data set.
        batch_size: Images per training step.
        log: Whether the warning is logged too.
    """
    count = len(dataset.splits["train"].labels)
    if batch_size <= count:
        return dataset
    text = (
        f"config.train.batch_size={batch_size} is larger than the training split ("
        f"{count_noun(count, 'image')}): every step uses images more than once"
    )
    if log:
        LOGGER.warning("%s", text)
    return dataclasses.replace(dataset, warnings=(*dataset.warnings, text))


def load_data(config: Config, section: Config) -> Dataset:
    """The present data set of a run, prepared and cached by the first call.

    Args:
        config: Of the run.
        section: Its section config.data, or one with other splits.
    """
    upscaler, upscaler_id = None, ""
    run = section.super_resolution
    if run and SUPER_RESOLUTION in parse_preprocess(section.preprocess):
        upscaler, upscaler_id = make_lazy_upscaler(run)
    multi_label = TASKS[config.task].multi_label
    return load_dataset(
        section, multi_label=multi_label, upscaler=upscaler, upscaler_id=upscaler_id
    )


def load_recorded_data(config: Config, owner: Path) -> tuple[Dataset, Config]:
    """The present data set of a run with recorded splits, and the section config.data it is of.

    New splits are not needed: without them, a class with too few images for a split does not hide
    what changed.

    Args:
        config: Of the run.
        owner: The run directory or the folder of the study, for the message.

    Raises:
        UserError: The present images are no data set.
    """
    try:
        return load_data(config, config.data), config.data
    except UserError as error:
        undivided = ConfigDict(config.data.to_dict())
        undivided.update(valid_fraction=0.0, test_fraction=0.0, folds=0, train_fraction=1.0)
        try:
            return load_data(config, undivided), undivided
        except UserError:
            raise UserError(f"{owner}: the data cannot be loaded: {error}") from error


def match_recorded(
    dataset: Dataset,
    run_dir: RunDir,
    source: Mapping[str, Any],
    policy: DataPolicy,
    *,
    training: bool,
) -> RunData:
    """The images that the run, or its study, began with; for a new one, those of `dataset`.

    Args:
        dataset: The present data set.
        run_dir: Of the run.
        source: What determined the splits, {"task", "data", ...} in JSON values.
        policy: What to do if images differ from the recorded ones.
        training: Whether the run is to be trained further.

    Raises:
        UserError: The data set changed, and the policy is to reject that; or too little is left.
    """
    present = make_record(dataset, source)
    record = run_dir.data_record or find_shared_record(policy.records, source)
    record = record or share_record(policy.records, present)
    if record == dataclasses.replace(present, source=record.source):
        return RunData(dataset, record, Changes())
    changes = find_changes(record, dataset)
    if not any(changes):
        return RunData(restore_recorded(record, dataset, training=training), record, changes)
    text = f"the data changed since this run began: {describe_changes(changes)}"
    if policy.on_changed == REJECT:
        raise UserError(
            f"{run_dir.path}: {text}. Restore the data, use the recorded images only with "
            f"--on-changed-data={KEEP}, or begin anew in another folder"
        )
    try:
        restored = restore_recorded(record, dataset, training=training)
    except UserError as error:
        raise UserError(f"{run_dir.path}: {text}; {error}") from error
    left_out = f"{run_dir.path.name}: {text}; added and modified images are not used"
    warnings = (*restored.warnings, left_out)
    return RunData(dataclasses.replace(restored, warnings=warnings), record, changes)


def describe_present_data(config: Config, run_dir: RunDir) -> str:
    """How the present data differ from those of a finished run; "" if they do not.

    Unchanged data are listed and hashed, but not decoded. Data sets without source files, which
    only another configuration can change, are not compared.

    Args:
        config: Of the run, resolved.
        run_dir: Of the run.
    """
    source = Path(config.data.path or Path(config.data.root) / config.data.name)
    if not source.exists():
        return ""
    try:
        record = run_dir.data_record
        present, _ = load_recorded_data(config, run_dir.path)
    except UserError as error:
        return str(error)
    if record is None:
        return ""
    changes = find_changes(record, present)
    return f"the data changed since: {describe_changes(changes)}" if any(changes) else ""


def find_shared_record(folder: Path | None, source: Mapping[str, Any]) -> DataRecord | None:
    """The record of the runs of a study that have the same source; None without one."""
    if folder is None:
        return None
    try:
        text = (folder / f"{hash_source(source)}.json").read_text("utf-8")
    except FileNotFoundError:
        return None
    return record_from_json(json.loads(text))


def share_record(folder: Path | None, record: DataRecord) -> DataRecord:
    """Stores a record for the other runs of a study; returns that of the first run that did."""
    if folder is None:
        return record
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{hash_source(record.source)}.json"
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    partial.write_text(json.dumps(record_to_json(record)), encoding="utf-8")
    try:
        os.link(partial, file)  # fails if another process was first
    except FileExistsError:
        return record_from_json(json.loads(file.read_text("utf-8")))
    except OSError:  # no hard links on this file system
        partial.replace(file)
        return record
    finally:
        partial.unlink(missing_ok=True)
    return record


def hash_source(source: Mapping[str, Any]) -> str:
    """Equal for runs whose config can differ in pixels only: they have the same images."""
    unused = TRAINING_FIELDS.items()  # older studies did not record them
    data = {
        name: value
        for name, value in source["data"].items()
        if name not in PIXEL_FIELDS and (name, value) not in unused
    }
    text = json.dumps({**source, "data": data}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def read_shared_records(folder: Path) -> list[DataRecord]:
    """The records of a study."""
    files = sorted(folder.glob("*.json")) if folder.is_dir() else []
    return [record_from_json(json.loads(file.read_text("utf-8"))) for file in files]


def check_shared_records(folder: Path, on_changed: str) -> None:
    """Checks that the data of a study are those that it began with, before it is continued.

    Args:
        folder: Of the records of its runs.
        on_changed: "reject", or "keep" to continue on the recorded images.

    Raises:
        UserError: The data changed, and `on_changed` is "reject".
    """
    for record in read_shared_records(folder):
        if on_changed == KEEP:
            return
        config = ConfigDict(record.source)
        changes = find_changes(record, load_recorded_data(config, folder.parent)[0])
        if any(changes):
            raise UserError(
                f"{folder.parent}: the data changed since it began: {describe_changes(changes)}. "
                f"Restore the data, continue on the recorded images only with "
                f"--on-changed-data={KEEP}, or begin anew with another --results"
            )
