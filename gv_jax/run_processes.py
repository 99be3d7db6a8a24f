"""What the processes of one run must have in common before its first step."""

import hashlib
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any

import jax

from gv_jax import processes
from gv_jax.config.default import Config
from gv_jax.data.record import DataRecord
from gv_jax.errors import UserError
from gv_jax.run_data import DataPolicy, RunData, load_run_data
from gv_jax.training.run_dir import LOCATION_FIELDS, RunDir, flatten_config, to_json_types
from gv_jax.training.run_metadata import package_version

Image = list[str]  # its id, hash of the content and label
PART = 1024  # images whose names are exchanged where their hash differs
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
        UserError: names the first image that differs, or there are more processes than images.
    """
    with processes.primary_first("data"):
        data = load_run_data(config, run_dir, policy, training=training)
    if processes.count() > 1:
        check_same_images(data.record)
        size = len(data.dataset.splits["train"].labels)
        if size < processes.count():
            raise UserError(
                f"{processes.count()} processes cannot share {size} training images: start fewer"
            )
    return data


def check_same_images(record: DataRecord) -> None:
    """Checks that all processes have the same classes, images and splits.

    Raises:
        UserError: names the first image that differs, in the order of their names.
    """
    remedy = "give all processes the same images"
    processes.check_equal("classes", {"the list of classes": list(record.classes)}, remedy)
    images = sorted(list_images(record))
    parts = [images[start : start + PART] for start in range(0, len(images), PART)]
    digests = processes.exchange("images", [hash_text(repr(part)) for part in parts])
    different = [process for process, other in enumerate(digests) if other != digests[0]]
    if different:
        pairs = zip_longest(digests[0], digests[different[0]])
        first = next(index for index, (part, other) in enumerate(pairs) if part != other)
        found = processes.exchange("different images", parts[first] if first < len(parts) else [])
        text = describe_difference(found[0], found[different[0]], different[0])
        raise UserError(f"{text}: {remedy}")
    splits = {
        f"the hash of the split {name!r}": hash_text(repr([str(id_) for id_ in split.ids]))
        for name, split in record.splits.items()
    }
    processes.check_equal("splits", splits, "start all processes with the same command")


def list_images(record: DataRecord) -> Iterator[Image]:
    """The images of all splits."""
    for split in record.splits.values():
        for id_, content, label in zip(split.ids, split.hashes, split.labels, strict=True):
            yield [str(id_), str(content), str(label)]


def describe_difference(images: Sequence[Image], others: Sequence[Image], process: int) -> str:
    """The first difference between two sorted lists of images.

    Args:
        images: of process 0.
        others: of another process; not the same.
        process: the other one.
    """
    pairs = zip_longest(images, others)
    image, other = next((image, other) for image, other in pairs if image != other)
    if image is None or (other is not None and other[0] < image[0]):
        assert other is not None
        return f"{other[0]} is missing in process 0, and not in process {process}"
    if other is None or image[0] < other[0]:
        return f"{image[0]} is missing in process {process}, and not in process 0"
    kind = "content" if image[1] != other[1] else "label"
    return f"{image[0]} has another {kind} in process {process} than in process 0"


def hash_text(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
