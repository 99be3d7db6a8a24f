"""A named data set, decoded once: memory-mapped pictures with labels, the same at every start."""

import errno
import hashlib
import io
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from gv_jax.data import audit, decode, transforms
from gv_jax.data.builders import DATASETS
from gv_jax.data.builders.base import ImageBuilder
from gv_jax.data.transforms import TransformPipeline, Upscale
from gv_jax.errors import UserError, unknown

UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR)


@dataclass(frozen=True)
class Split:
    """images: uint8 [n h w c], memory-mapped, read-only; labels: int32 [n], or float32 [n k] of zeros and ones where a
    picture may have several; ids: n unique names.
    """

    images: np.ndarray
    labels: np.ndarray
    ids: Sequence[str]


@dataclass(frozen=True)
class Dataset:
    """classes: names in the order of the labels; groups: class -> super-class, or {}; splits: of "train",
    "valid", "test" those that there are; skipped: "file: why" of each that was left out; remarks: "what: why"
    of what was used, but not as it came (without its box).
    """

    name: str
    classes: tuple[str, ...]
    groups: dict[str, str]
    splits: dict[str, Split]
    skipped: tuple[str, ...]
    remarks: tuple[str, ...] = ()


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
    enlarge: Upscale | None = None,
    enlarge_key: str = "",
    drop_leaks: bool = False,
    several: bool = False,
    **options: Any,
) -> Dataset:
    """The data set `name` of DATASETS, every picture as uint8 [h w c].

    The first time it is prepared below root/prepared and decoded into root/cache/<name>-<key>; after that
    nothing is decoded until one of the arguments, the files or the code that shapes them changes.

    Args:
        root: folder for what this project makes of pictures; may be deleted at any time.
        size: (height, width); (0, 0) for native, which all pictures must share.
        channels: 1 grey, 3 RGB, 4 RGBA.
        fit, interpolation, background: as in `preprocess.to_array`.
        preprocess: names in `pipeline.PREPROCESSINGS` with + between them, in the order they are applied in.
        centre: the share of both sides of a picture that is cut from its middle before it is resized.
        enlarge: what super_resolution does: uint8 [h w 3] -> uint8 [2h 2w 3].
        enlarge_key: tells this `enlarge` from every other; another key, another cache.
        drop_leaks: leave out of training what is in another split too, the same or nearly (`audit.Audit.leaked`).
        several: labels are all that each picture has, as float32 [n k].
        options: of the builder of the set.

    Raises:
        UserError: an argument that is not valid, or pictures that cannot be used; names the field, file or
            class.
    """
    _check(size, channels, resize_mode, interpolation, background)
    steps = transforms.parse_preprocess(preprocess)
    if transforms.SUPER_RESOLUTION in steps and channels != 3:
        raise UserError(
            f"--config.data.preprocess={preprocess} enlarges RGB only: --config.data.channels=3."
        )
    root = Path(root)
    builder = _make_builder(name, root, options)
    if several and not builder.several:
        known = ", ".join(key for key, kind in DATASETS.items() if kind.several)
        raise UserError(f"{name} has one label for each picture; task multi_label is for {known}.")
    shape = {
        "size": tuple(size),
        "channels": channels,
        "resize_mode": resize_mode,
        "interpolation": interpolation,
        "background": tuple(background),
    }
    if crop_pct < 1:
        shape["crop_pct"] = crop_pct
    process = _pipeline(steps, shape, enlarge)
    made_by = {
        "shape": shape,
        "preprocess": steps,
        "enlarge": enlarge_key if transforms.SUPER_RESOLUTION in steps else "",
    }
    made_by["without_leaks"] = audit.AUDIT_VERSION if drop_leaks else 0
    made_by |= {"several": True} if several else {}
    cache = root / "cache" / f"{name}-{_key(builder, made_by)}"
    try:
        try:
            return _read(cache)
        except (FileNotFoundError, ValueError):  # not there, or damaged
            shutil.rmtree(cache, ignore_errors=True)
        builder.prepare()
        dropped = audit.audit_dataset(builder).leaked if drop_leaks else frozenset()
        _write(builder, process, made_by, dropped, several, cache)
        return _read(cache)
    except OSError as error:
        raise _unwritable(root, error) from error


def prepare(name: str, *, root: Path, **options: Any) -> ImageBuilder:
    """The builder of the data set `name`, its pictures prepared: as they are, not resized."""
    builder = _make_builder(name, Path(root), options)
    try:
        builder.prepare()
    except OSError as error:
        raise _unwritable(root, error) from error
    return builder


def class_names(name: str, *, root: Path, **options: Any) -> tuple[str, ...]:
    """The class names of a data set, in the order of the labels, without preparing or opening a picture."""
    return _make_builder(name, Path(root), options).classes


def _make_builder(name: str, root: Path, options: dict[str, Any]) -> ImageBuilder:
    if name not in DATASETS:
        raise unknown("data set", name, DATASETS)
    return DATASETS[name](root=root, **options)


def _key(builder: ImageBuilder, made_by: dict[str, Any]) -> str:
    text = json.dumps(
        [builder.fingerprint, made_by, decode.DECODE_VERSION, transforms.TRANSFORMS_VERSION],
        sort_keys=True,
    )
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def _pipeline(
    steps: Sequence[str], shape: dict[str, Any], enlarge: Upscale | None
) -> TransformPipeline:
    return transforms.build_transforms(steps, partial(decode.to_array, **shape), enlarge)


def _unwritable(root: Path, error: OSError) -> Exception:
    """The error for a root where nothing can be kept; `error` itself if it is of another kind."""
    if error.errno not in UNWRITABLE:
        return error
    return UserError(
        f"{root}: cannot keep prepared data there ({error.strerror}). Make room, or give another place: "
        "--config.data.root=DIR."
    )


def _check(
    size: tuple[int, int],
    channels: int,
    resize_mode: str,
    interpolation: str,
    background: tuple[int, ...],
) -> None:
    if len(size) != 2 or min(size) < 0 or (0 in size and tuple(size) != (0, 0)):
        raise UserError(
            f"--config.data.size={size!r} must be (height, width) in pixels, or (0, 0) for native."
        )
    if channels not in decode.CHANNEL_MODES:
        raise UserError(
            f"--config.data.channels={channels!r} must be 1 (grey), 3 (RGB) or 4 (RGBA)."
        )
    if resize_mode not in decode.RESIZE_MODES:
        raise unknown("resize_mode", resize_mode, decode.RESIZE_MODES)
    if interpolation not in decode.INTERPOLATIONS:
        raise unknown("interpolation", interpolation, decode.INTERPOLATIONS)
    if len(background) != 3 or any(value not in range(256) for value in background):
        raise UserError(
            f"--config.data.background={background!r} must be (red, green, blue), each 0 to 255."
        )


def _read(cache: Path) -> Dataset:
    meta = json.loads((cache / "meta.json").read_text())
    splits = {
        split: Split(
            np.load(cache / f"{split}.npy", mmap_mode="r"),
            np.load(cache / f"{split}_labels.npy"),
            tuple(ids),
        )
        for split, ids in meta["ids"].items()
    }
    skipped, remarks = tuple(meta["skipped"]), tuple(meta["remarks"])
    return Dataset(meta["name"], tuple(meta["classes"]), meta["groups"], splits, skipped, remarks)


def _write(
    builder: ImageBuilder,
    process: TransformPipeline,
    made_by: dict[str, Any],
    dropped: frozenset[str],
    several: bool,
    cache: Path,
) -> None:
    """Decodes a prepared set without the pictures `dropped` into `cache`, which appears complete or not at all."""
    unfinished = cache.with_name(f".{cache.name}.{os.getpid()}")
    unfinished.mkdir(parents=True, exist_ok=True)
    try:
        ids = {
            split: _decode(builder, split, process, unfinished, dropped, several)
            for split in builder.info.splits
        }
        meta = {
            "name": builder.name,
            "classes": builder.classes,
            "groups": builder.groups,
            "skipped": builder.skipped,
            "remarks": builder.remarks,
            **made_by,
            "ids": ids,
        }
        (unfinished / "meta.json").write_text(json.dumps(meta))
        try:
            unfinished.rename(cache)
        except OSError:  # another process was faster
            if not (cache / "meta.json").is_file():
                raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _decode(
    builder: ImageBuilder,
    split: str,
    process: TransformPipeline,
    folder: Path,
    dropped: frozenset[str],
    several: bool,
) -> list[str]:
    """Writes folder/<split>.npy and its labels, a picture at a time; returns the ids."""
    total = builder.info.splits[split].num_examples
    count = total - (len(dropped) if split == "train" else 0)
    examples = tqdm(
        builder.examples(split), f"{builder.name}: decode {split}", total, unit=" pictures", delay=1
    )
    ids, labels = [], []
    without = set()  # classes of what is dropped
    first = (0, 0, 0)
    with (folder / f"{split}.npy").open(
        "wb"
    ) as file:  # not through a memory map, where a full disk is a SIGBUS
        for name, label, data, box in examples:
            if name in dropped:
                without.add(label)
                continue
            pixels = process(decode.open_image(io.BytesIO(data)), box)
            if not ids:
                first = pixels.shape
                header = {"descr": "|u1", "fortran_order": False, "shape": (count, *first)}
                np.lib.format.write_array_header_1_0(file, header)
            if pixels.shape != first:
                this, other = (
                    f"{width}x{height} pixels" for height, width, _ in (pixels.shape, first)
                )
                raise UserError(
                    f"{name}: has {this}, but {ids[0]} has {other}. Bring all to one size, as with "
                    "--config.data.size='(64, 64)' (height, width)."
                )
            file.write(pixels.tobytes())
            ids.append(name)
            labels.append(label)
    hidden = sorted(
        {label for name in ids for label in builder.others.get(name, ())} - set(labels) - without
    )
    if hidden and split == "train" and not several:
        raise UserError(
            f"{builder.classes[hidden[0]]!r}: every training picture of this class also has one that comes before it. "
            "Train with --config.task=multi_label, or put the classes in another order."
        )
    lost = sorted(without - set(labels)) if split == "train" and not several else []
    if lost:
        raise UserError(
            f"{builder.classes[lost[0]]!r}: every training picture of this class is in another split too, so that none "
            "is left with --config.data.drop_leaks=True. Bring others, or divide the pictures anew."
        )
    np.save(
        folder / f"{split}_labels.npy",
        multi_hot(builder, ids, labels) if several else np.asarray(labels, np.int32),
    )
    return ids


def multi_hot(builder: ImageBuilder, ids: Sequence[str], labels: Sequence[int]) -> np.ndarray:
    """All labels of pictures whose first ones are `labels`: float32 [n k], 1 for each that a picture has."""
    rows = np.zeros((len(ids), len(builder.classes)), np.float32)
    for row, name, label in zip(rows, ids, labels, strict=True):
        row[[label, *builder.others.get(name, ())]] = 1
    return rows
