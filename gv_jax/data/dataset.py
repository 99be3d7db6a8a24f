"""A named data set as arrays: prepared, decoded and cached on the first call, then memory-mapped.

The functions that take `data` take the section `config.data`, or any mapping with its fields.
"""

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from gv_jax.data import audit, decode, transforms
from gv_jax.data.arrays import Dataset, Split
from gv_jax.data.box import NO_BOX
from gv_jax.data.builders.base import ImageBuilder
from gv_jax.data.builders.registry import DATASETS
from gv_jax.data.cache import CACHE_VERSION, cache_folder, find_cached, read_cache, write_cache
from gv_jax.data.generated import add_generated
from gv_jax.data.parallel import count_cores
from gv_jax.data.splits.kfold import take_fold
from gv_jax.data.subset import take_fraction
from gv_jax.data.transforms import (
    SUPER_RESOLUTION,
    DataSection,
    TransformPipeline,
    Upscale,
    build_transforms,
    parse_preprocess,
    transform_from_section,
)
from gv_jax.errors import UserError, find_unwritable, unknown

__all__ = [
    "DATASETS",
    "Dataset",
    "Split",
    "builder_kwargs",
    "class_names",
    "load_dataset",
    "load_split_arrays",
    "log_notes",
    "prepare_builder",
]

LOGGER = logging.getLogger(__name__)

ARRAY_FIELDS = (  # fields of config.data that `load_split_arrays` takes
    "size",
    "crop_pct",
    "channels",
    "resize_mode",
    "interpolation",
    "background",
    "preprocess",
    "drop_leaks",
    "cache_mb",
)
TRAINING_FIELDS = {  # that older runs did not record -> what they mean then
    "train_fraction": 1.0,
    "generated": "",
    "generated_ratio": 0.0,
}
BUILDER_FIELDS = ("path", "skip_broken", "valid_fraction", "test_fraction", "split_seed")


def load_dataset(
    data: DataSection, *, multi_label: bool, upscaler: Upscale | None = None, upscaler_id: str = ""
) -> Dataset:
    """The data set of a run.

    Args:
        data: The resolved section config.data.
        multi_label: Whether labels are multi-hot, float32 [n k], instead of int32 [n].
        upscaler: uint8 [h w 3] -> uint8 [2h 2w 3], for preprocess=super_resolution. It is called
            only while images are decoded, so it may load its model on the first call.
        upscaler_id: Identifies the upscaler; another id means another cache.

    Returns:
        The splits of the data set; with data.folds, the folds of the training split in their place.
        The training split is that of data.train_fraction and data.generated.

    Raises:
        UserError: A field of `data` is not valid, or images cannot be used.
    """
    dataset = load_split_arrays(
        data["name"],
        multi_label=multi_label,
        upscaler=upscaler,
        upscaler_id=upscaler_id,
        **{field: data[field] for field in ARRAY_FIELDS if field in data},  # not all were recorded
        **builder_kwargs(data),
    )
    training = {**TRAINING_FIELDS, **data}
    fraction, seed = training["train_fraction"], data["split_seed"]
    if fraction < 1 or data["folds"]:
        group_of = prepare_builder(data).group_of
        if fraction < 1:
            dataset = take_fraction(dataset, group_of, fraction, seed)
        if data["folds"]:
            dataset = take_fold(dataset, group_of, data["folds"], data["fold"], seed)
    if not training["generated"]:
        return dataset
    return add_generated(
        dataset,
        Path(training["generated"]),
        transform_from_section(data, upscaler),
        ratio=training["generated_ratio"],
        seed=seed,
        max_bytes=data["cache_mb"] * 2**20,
    )


def prepare_builder(data: DataSection) -> ImageBuilder:
    """The builder of the data set with its images prepared: stored, but not resized.

    Raises:
        UserError: A field of `data` is not valid, or images cannot be used.
    """
    builder = _make_builder(data["name"], builder_kwargs(data))
    try:
        builder.prepare()
    except UserError:
        raise
    except Exception as error:  # the writer of records is a native library with errors of its own
        raise _explain_unwritable(builder.root, error) from error
    return builder


def builder_kwargs(data: DataSection) -> dict[str, Any]:
    """Keyword arguments of the builder `DATASETS[data.name]`."""
    shared = {field: data[field] for field in BUILDER_FIELDS}
    return {"root": Path(data["root"]), **shared, **dict(data[data["name"]])}


def class_names(name: str, **kwargs: Any) -> tuple[str, ...]:
    """Class names of the data set `name`, in the order of the labels; opens no image.

    Args:
        name: A name in `DATASETS`.
        **kwargs: Arguments of its builder, see `builder_kwargs`.

    Raises:
        UserError: There is no such data set, or an argument is not valid.
    """
    return _make_builder(name, kwargs).classes


def load_split_arrays(
    name: str,
    *,
    root: Path,
    size: tuple[int, int],
    channels: int,
    resize_mode: str,
    interpolation: str,
    background: tuple[int, int, int],
    preprocess: str = "none",
    crop_pct: float = 1.0,
    upscaler: Upscale | None = None,
    upscaler_id: str = "",
    drop_leaks: bool = False,
    multi_label: bool = False,
    cache_mb: int = 16384,
    **kwargs: Any,
) -> Dataset:
    """The data set `name`, every image as uint8 [h w c].

    The first call prepares it below root/prepared and decodes it into root/cache/<name>-<key>.
    Later calls decode nothing until an argument, a file or the code that determines the pixels
    changes. If the decoded images were larger than `cache_mb`, they are decoded from the prepared
    data set whenever they are read, with the same pixels; root/cache/<name>-<key>-records then
    holds labels, ids and hashes only.

    Args:
        name: A name in `DATASETS`.
        root: Folder of prepared data sets and caches; may be deleted at any time.
        size: (height, width) in pixels; (0, 0) for unchanged, if all images have the same size.
        channels: 1 gray, 3 RGB, 4 RGBA.
        resize_mode: "stretch", "crop" or "pad", see `decode.resize`.
        interpolation: A name in `decode.INTERPOLATIONS`.
        background: RGB under transparent pixels, each 0 to 255.
        preprocess: Names in `transforms.PREPROCESSINGS` joined by +, applied in this order.
        crop_pct: Fraction of both sides kept by a center crop before the resize.
        upscaler: uint8 [h w 3] -> uint8 [2h 2w 3], for super_resolution.
        upscaler_id: Identifies the upscaler; another id means another cache.
        drop_leaks: Leave out training images with a duplicate in valid or test, see
            `audit.Audit.leaked`.
        multi_label: Labels are multi-hot, float32 [n k].
        cache_mb: Images are stored decoded up to this size, else decoded whenever they are read.
        **kwargs: Arguments of the builder of the data set.

    Raises:
        UserError: An argument is not valid, or images cannot be used; names the field, file or
            class.
    """
    decode.check_options(size, channels, resize_mode, interpolation, background)
    steps = parse_preprocess(preprocess)
    if SUPER_RESOLUTION in steps and channels != 3:
        raise UserError(
            f"--config.data.preprocess={preprocess} needs RGB images: set --config.data.channels=3."
        )
    builder = _make_builder(name, {"root": Path(root), **kwargs})
    if multi_label and not builder.multi_label:
        valid = ", ".join(key for key, kind in DATASETS.items() if kind.multi_label)
        raise UserError(
            f"--config.data.name={name} has one label per image; --config.task=multi_label needs "
            f"one of: {valid}."
        )
    shape = {
        "size": tuple(size),
        "channels": channels,
        "resize_mode": resize_mode,
        "interpolation": interpolation,
        "background": tuple(background),
        **({"crop_pct": crop_pct} if crop_pct < 1 else {}),
    }
    cache_key = {
        "shape": shape,
        "preprocess": steps,
        "upscaler_id": upscaler_id if SUPER_RESOLUTION in steps else "",
        "drop_leaks": audit.AUDIT_VERSION if drop_leaks else "",
        "multi_label": multi_label,
    }
    transform = build_transforms(steps, partial(decode.to_array, **shape), upscaler)
    cache = builder.root / "cache" / f"{name}-{_hash_key(builder, cache_key)}"
    max_bytes = cache_mb * 2**20
    try:
        dataset = find_cached(builder, transform, cache, max_bytes)
        if dataset is not None:
            return _add_notes(builder, dataset)
        builder.prepare()
        decoded = _decoded_bytes(builder, transform) <= max_bytes
        if not decoded and SUPER_RESOLUTION in steps:
            raise UserError(
                f"--config.data.preprocess={preprocess}: the images are larger than "
                f"--config.data.cache_mb={cache_mb}, and super-resolution is too slow to be "
                "repeated whenever an image is read: raise that bound."
            )
        dropped = audit.audit_dataset(builder).leaked if drop_leaks else frozenset()
        write_cache(
            builder,
            transform,
            cache_folder(cache, decoded),
            cache_key=cache_key,
            dropped=dropped,
            multi_label=multi_label,
            decoded=decoded,
            threads=1 if SUPER_RESOLUTION in steps else count_cores(),
        )
        written = read_cache(cache_folder(cache, decoded), builder, transform)
        return _add_notes(builder, written)
    except UserError:
        raise
    except Exception as error:  # the writer of records is a native library with errors of its own
        raise _explain_unwritable(builder.root, error) from error


def _decoded_bytes(builder: ImageBuilder, transform: TransformPipeline) -> int:
    """The size of all images of a prepared data set, decoded."""
    num_images = sum(split.num_examples for split in builder.info.splits.values())
    return num_images * transform(builder.load_image("train", 0), NO_BOX).nbytes


def _add_notes(builder: ImageBuilder, dataset: Dataset) -> Dataset:
    """Logs what the builder's source has that is not read, and adds it to the warnings."""
    log_notes(builder)
    return replace(dataset, warnings=(*builder.notes, *dataset.warnings))


def log_notes(builder: ImageBuilder) -> None:
    """Logs what the builder's source has that is not read."""
    for note in builder.notes:
        LOGGER.warning(note)


def _make_builder(name: str, kwargs: Mapping[str, Any]) -> ImageBuilder:
    if name not in DATASETS:
        raise unknown("data set", name, DATASETS)
    return DATASETS[name](**kwargs)


def _hash_key(builder: ImageBuilder, cache_key: Mapping[str, Any]) -> str:
    versions = [decode.DECODE_VERSION, transforms.TRANSFORMS_VERSION, CACHE_VERSION]
    text = json.dumps([builder.fingerprint, cache_key, *versions], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def _explain_unwritable(root: Path, error: Exception) -> Exception:
    """A UserError if nothing can be written below `root`; otherwise `error` itself."""
    found = find_unwritable(error)
    if found is None:
        return error
    return UserError(
        f"{root}: prepared data cannot be written there ({found.reason}). Free some space, or set "
        "another folder with --config.data.root=DIR."
    )
