"""Base class of the data sets: TFDS builders that store array_record without TensorFlow."""

import abc
import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image
from tensorflow_datasets.core.example_serializer import ExampleSerializer
from tqdm import tqdm

from gv_jax.data import decode
from gv_jax.data.box import NO_BOX, Box
from gv_jax.data.builders.file_list import escape_name
from gv_jax.data.builders.image_check import ImageCheck, open_checked
from gv_jax.data.builders.storage import FEATURES, LocalInfo, encode_image, silence_logging
from gv_jax.data.parallel import count_cores, map_in_threads
from gv_jax.errors import UserError

REPORT_FILE = "report.json"
READ_BYTES, MAX_READ = 2**23, 1024  # at once; a read in 800,000 stored examples takes 2 ms


@dataclass(frozen=True)
class Example:
    """One labeled image.

    Attributes:
        id: unique in its data set.
        label: index into the classes of the data set.
        image: decoded (L, LA, RGB or RGBA), or the path of a checked file.
        box: bounding box in the upright image, or NO_BOX.
    """

    id: str
    label: int
    image: Image.Image | Path
    box: Box = NO_BOX


class ImageBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Prepares and reads a data set of examples {"image", "label", "id", "box"} in a fixed order.

    An image is stored as PNG or JPEG with its original size and channels, a box as (top, left,
    bottom, right). Creating a builder may list and hash files, but decodes no image and writes
    only remembered hashes; `prepare()` writes the rest. A subclass sets `name`, `VERSION`,
    `classes` and `groups` before it calls `super().__init__`, and implements `generate()`, which
    may fill `skipped`, `warnings`, `extra_labels` and `report`. `prepare()` stores these four with
    the data set.

    Attributes:
        classes: class names in the order of the labels.
        groups: class -> super-class; {} if there are none.
        multi_label: whether images may have more than one label.
        native_size: (height, width) in pixels if all images have the same size, else (0, 0).
        skipped: "file: reason" of every skipped image, folder or line.
        notes: lines on the source that need no image: what is not read. They are not stored.
        warnings: "subject: reason" of everything used in part only, such as an invalid box.
        extra_labels: image id -> its labels besides the first one.
        report: how the data set was made; written to report.json in the prepared folder and in run
            directories. Its "classes" are the rows of a table.
        fingerprint: names the prepared data set.

    Args:
        root: folder of prepared data sets and caches; builders write below root/prepared only.
        path: folder or file of the source images; "" if the data set needs none.
        skip_broken: list unusable images in `skipped` instead of raising.
        valid_fraction, test_fraction: fraction of each class that is held out, in [0, 1); 0 for no
            such split.
        split_seed: seed of the split.
        fingerprint_fields: JSON values of everything else that determines the result (options, file
            listings). Together with the arguments above and VERSION they give `fingerprint`, so
            that a changed source is prepared again.

    Raises:
        UserError: fractions that leave nothing to train on.
    """

    notes: tuple[str, ...] = ()
    classes: tuple[str, ...]
    groups: dict[str, str]
    multi_label = False
    native_size: tuple[int, int] = (0, 0)
    code_path = None  # otherwise TFDS searches for checksums with a package it does not require

    def __init__(
        self,
        *,
        root: Path,
        path: str,
        skip_broken: bool,
        valid_fraction: float,
        test_fraction: float,
        split_seed: int,
        fingerprint_fields: Mapping[str, Any],
    ):
        if valid_fraction < 0 or test_fraction < 0 or valid_fraction + test_fraction >= 1:
            raise UserError(
                f"--config.data.valid_fraction={valid_fraction} and --config.data.test_fraction="
                f"{test_fraction} must not be negative, and their sum must be less than 1."
            )
        self.root, self.path, self.skip_broken = Path(root), path, skip_broken
        self.valid_fraction, self.test_fraction = valid_fraction, test_fraction
        self.split_seed = split_seed
        self.skipped: list[str] = []
        self.warnings: list[str] = []
        self.extra_labels: dict[str, list[int]] = {}
        self.report: dict[str, Any] = {}
        self.stored_metadata = tfds.core.MetadataDict()
        fields = {
            "version": str(self.VERSION),
            "decoding": decode.DECODE_VERSION,
            "features": sorted(FEATURES),
            "skip_broken": skip_broken,
            "fractions": [valid_fraction, test_fraction],
            "split_seed": split_seed,
            **fingerprint_fields,
        }
        digest = hashlib.sha256(json.dumps(fields, sort_keys=True).encode())
        self.fingerprint = digest.hexdigest()[:20]
        with silence_logging():
            super().__init__(
                data_dir=self.root / "prepared",
                config=tfds.core.BuilderConfig(name=self.fingerprint),
                file_format="array_record",
            )

    @abc.abstractmethod
    def generate(self) -> Mapping[str, Iterable[Example]]:
        """Split ("train", "valid", "test") -> its examples in order; the iterables may be lazy."""

    def group_of(self, image_id: str) -> str:
        """The group of an image; all images of a group are in one split."""
        return image_id

    def skip_or_raise(self, subject: str | Path, reason: str) -> None:
        """Adds an unusable file or folder to `skipped`.

        Raises:
            UserError: `skip_broken` is False.
        """
        line = escape_name(f"{subject}: {reason}")
        if not self.skip_broken:
            raise UserError(
                f"{line}. Repair or remove it, or skip such files with "
                "--config.data.skip_broken=True."
            )
        self.skipped.append(line)

    def open_image(self, path: Path) -> Image.Image | None:
        """The decoded image, with what it does not preserve in `warnings`; None if it is skipped.

        Raises:
            UserError: the image cannot be used, and `skip_broken` is False.
        """
        image, check = open_checked(path)
        return image if self.accept_image(path, check) else None

    def accept_image(self, path: Path, check: ImageCheck) -> bool:
        """Whether an image is used; remarks go to `warnings`, and problems to `skip_or_raise`."""
        if check.problem:
            self.skip_or_raise(path, check.problem)
            return False
        self.warnings += [escape_name(f"{path}: {remark}") for remark in check.remarks]
        return True

    def check_classes(self, split: str, examples: Iterable[Example], source: str) -> None:
        """Checks that a split has examples of every class.

        Args:
            split: name of the split.
            examples: its examples.
            source: folder or file, for the message.

        Raises:
            UserError: a class is missing in train, or elsewhere with `skip_broken` False.
        """
        present = {example.label for example in examples}
        for label, name in enumerate(self.classes):
            if label in present:
                continue
            subject = f"{source}: class {name!r}"
            if split == "train":
                raise UserError(f"{subject} has no usable image in the training split.")
            self.skip_or_raise(subject, f"has no image in the split {split!r}")

    def prepare(self) -> None:
        """Writes the data set below root/prepared, completely or not at all, unless it exists.

        Raises:
            UserError: an image or folder is unusable; see `skip_or_raise`.
        """
        config = tfds.download.DownloadConfig(try_download_gcs=False)
        with silence_logging():
            try:
                self.download_and_prepare(download_config=config)
            except OSError:  # also if another process has just finished the same data set
                if not self.data_path.exists():
                    raise
            self.info.read_from_directory(self.data_dir)
        metadata = self.stored_metadata
        metadata.load_metadata(self.data_dir)
        self.skipped, self.warnings = list(metadata["skipped"]), list(metadata["warnings"])
        self.extra_labels, self.report = metadata["extra_labels"], metadata["report"]
        file = self.data_path / REPORT_FILE
        if self.report and not file.exists():
            file.write_text(json.dumps(self.report, indent=2) + "\n", encoding="utf-8")

    def examples(self, split: str) -> Iterator[tuple[str, int, bytes, Box]]:
        """(id, label, encoded image, box) of the examples of a prepared split, in order."""
        source, info = self.read_source(split), self.info.splits[split]
        count, num_bytes = info.num_examples, max(info.num_bytes, 1)
        size = min(max(READ_BYTES * count // num_bytes, 1), MAX_READ)
        for start in range(0, count, size):
            for example in source.__getitems__(range(start, min(start + size, count))):
                box: Any = tuple(example["box"].tolist())
                yield example["id"].decode(), int(example["label"]), example["image"], box

    def load_image(self, split: str, index: int) -> Image.Image:
        """The decoded image at `index` of a prepared split, in the order of `examples`."""
        return decode.open_image(io.BytesIO(self.read_source(split)[index]["image"]))

    def read_source(self, split: str) -> Any:
        """The stored examples of a prepared split, by index; "image" is encoded."""
        builder: Any = self  # TFDS's decorators hide the signature from the type checker
        with silence_logging():
            decoders = {"image": tfds.decode.SkipDecoding()}
            return builder.as_data_source(split=split, decoders=decoders)

    def _info(self) -> tfds.core.DatasetInfo:
        return LocalInfo(
            builder=self,
            description=f"Labeled images: {self.name}",
            features=FEATURES,
            disable_shuffling=True,
            metadata=self.stored_metadata,
        )

    def _split_generators(self, dl_manager):
        return {
            split: self._generate_examples(examples) for split, examples in self.generate().items()
        }

    def _generate_examples(self, examples: Iterable[Example]):
        def encode(example: Example) -> tuple[Example, bytes]:
            return example, encode_image(example.image)

        encoded = map_in_threads(encode, examples, count_cores(), chunk=1)
        progress = tqdm(encoded, f"{self.name}: store", unit=" images", delay=1)
        for index, (example, image) in enumerate(progress):
            box = np.asarray(example.box, np.int32)
            fields = {"image": image, "label": example.label, "id": example.id, "box": box}
            yield index, fields

    def _generate_splits(self, dl_manager, download_config):
        """Replaces TFDS's writer.

        That one collects a whole split in memory and needs TensorFlow above 1 GB.
        """
        splits = self._split_generators(dl_manager)
        infos = [self._write(split, examples) for split, examples in splits.items()]
        self.stored_metadata.update(
            classes=self.classes,
            groups=self.groups,
            skipped=self.skipped,
            warnings=self.warnings,
            extra_labels=self.extra_labels,
            report=self.report,
        )
        return infos

    def _write(
        self, split: str, examples: Iterable[tuple[int, dict[str, Any]]]
    ) -> tfds.core.SplitInfo:
        """Writes one array_record file, record by record."""
        template = self._get_filename_template(split_name=split)
        specs: Any = FEATURES.get_serialized_info()
        serializer = ExampleSerializer(specs)
        count, num_bytes = 0, 0

        def serialize() -> Iterator[tuple[int, bytes]]:
            nonlocal count, num_bytes
            for index, example in examples:
                record = serializer.serialize_example(FEATURES.encode_example(example))
                count, num_bytes = count + 1, num_bytes + len(record)
                yield index, record

        file = template.sharded_filepath(shard_index=0, num_shards=1)
        self._example_writer().write(file, serialize())
        if not count:
            raise UserError(f"{self.path or self.name}: the split {split!r} has no usable image.")
        return tfds.core.SplitInfo(
            name=split, shard_lengths=[count], num_bytes=num_bytes, filename_template=template
        )
