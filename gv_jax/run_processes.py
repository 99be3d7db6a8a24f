"""What the processes of one run must have in common before its first step."""

import hashlib
from typing import Any

import jax

from gv_jax import processes
from gv_jax.config.default import Config
from gv_jax.data.record import RecordedSplit
from gv_jax.errors import UserError
from gv_jax.run_data import DataPolicy, RunData, load_run_data
from gv_jax.training.run_dir import LOCATION_FIELDS, RunDir, flatten_config, to_json_types
from gv_jax.training.run_metadata import package_version

PACKAGES = ("gv_jax", "jax", "flax", "optax", "orbax-checkpoint", "numpy")


def check_same_program(config: Config) -> None:
    """Checks that all processes have the same configuration, packages and kind of device.

    Raises:
        UserError: names the first difference; or a part of the program that takes one process.
    """
    if processes.count() == 1:
        return
    if config.probe.method:
        raise UserError("a linear probe is fitted by one process: leave out --num-processes")
    fields = flatten_config(to_json_types(config.to_dict()))
    facts: dict[str, Any] = {
        f"config.{name}": value for name, value in fields.items() if name not in LOCATION_FIELDS
    }
    facts |= {f"the version of {package}": package_version(package) for package in PACKAGES}
    facts["the kind of device"] = jax.local_devices()[0].device_kind
    processes.check_equal("program", facts, "start all processes with the same command")


def load_same_data(
    config: Config, run_dir: RunDir, policy: DataPolicy, *, training: bool
) -> RunData:
    """The data of a run, the same in all processes; arguments as of `load_run_data`.

    Process 0 prepares the data set before the others, which may share its folder.

    Raises:
        UserError: names the first split that differs, or there are more processes than images.
    """
    with processes.primary_first("data"):
        data = load_run_data(config, run_dir, policy, training=training)
    if processes.count() > 1:
        facts: dict[str, Any] = {
            f"the split {name!r}": describe_split(split)
            for name, split in data.record.splits.items()
        }
        facts["the list of classes"] = list(data.record.classes)
        processes.check_equal("images", facts, "give all processes the same images")
        size = len(data.dataset.splits["train"].labels)
        if size < processes.count():
            raise UserError(
                f"{processes.count()} processes cannot share {size} training images: start fewer"
            )
    return data


def describe_split(split: RecordedSplit) -> str:
    """The number of images, and a hash of their ids, contents and labels."""
    digest = hashlib.sha256(repr((split.ids, split.hashes, split.labels)).encode()).hexdigest()
    return f"{len(split.ids)} images (hash {digest[:12]})"
