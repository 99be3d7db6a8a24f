"""What every data set here is: a TFDS builder of labelled pictures, in array_record, without TensorFlow."""

import abc
import contextlib
import hashlib
import io
import json
import logging
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
from gv_jax.errors import UserError

FEATURES = tfds.features.FeaturesDict(
    {
        "image": tfds.features.Image(shape=(None, None, None)),
        "label": tfds.features.Scalar(np.int64),
        "id": tfds.features.Text(),
        "box": tfds.features.Tensor(shape=(4,), dtype=np.int32),
    }
)
REPORT_FILE = "report.json"


@dataclass(frozen=True)
class Example:
    """One example. `id` is unique in its set; `image` is decoded (L, LA, RGB, RGBA) or a checked file.

    `box` lies inside the picture, upright, or is NO_BOX.
    """

    id: str
    label: int
    image: Image.Image | Path
    box: Box = NO_BOX


class LocalInfo(tfds.core.DatasetInfo):
    """Facts about a set that no bucket of TFDS has; looking there would leave an empty temporary folder behind."""

    def initialize_from_bucket(self) -> None:
        """Nothing."""


class ImageBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Examples {"image", "label", "id", "box"}, in given order: the picture as PNG or JPEG of its own size and
    channels, an int, a text, and (top, left, bottom, right) or four zeros.

    A subclass gives `name`, `VERSION`, `classes` (in the order of their labels), `groups` (class ->
    super-class, {} for none) and `pictures()`, all set before it calls `super().__init__`. Making a builder
    may list a folder, but opens no picture and writes nothing; `prepare()` does. A set whose pictures may have more
    than one label says so with `several`, and `pictures()` notes in `others` those besides the first: id -> labels.
    What is worth knowing of how the set was made may stand in `report`, which is written to report.json beside it and
    in run folders; its "classes" are rows of a table.

    Args:
        root: folder of what the project makes of pictures; this writes below root/prepared only.
        path: where a person keeps the pictures; "" if the set needs none.
        skip_broken: a picture that cannot be used is left out and listed in `skipped`, instead of raising.
        valid_fraction, test_fraction: share of each class that is held out, 0 <= share < 1; 0 for no such split.
        split_seed: another seed, another split.
        shaped_by: what else decides the result (options, a listing of files): JSON values. With all of the
            above and VERSION it names the prepared set, so that a change is never served stale.
    """

    classes: tuple[str, ...]
    groups: dict[str, str]
    several = False
    native_size: tuple[int, int] = (
        0,
        0,
    )  # (height, width) in pixels of every picture, if they are all alike
    code_path = (
        None  # or TFDS looks beside the code for checksums, with a package that it does not require
    )

    def __init__(
        self,
        *,
        root: Path,
        path: str,
        skip_broken: bool,
        valid_fraction: float,
        test_fraction: float,
        split_seed: int,
        shaped_by: Mapping[str, Any],
    ):
        if valid_fraction < 0 or test_fraction < 0 or valid_fraction + test_fraction >= 1:
            raise UserError(
                f"--config.data.valid_fraction={valid_fraction} and --config.data.test_fraction={test_fraction} must be "
                "0 or more, and less than 1 together, to leave something to train on."
            )
        self.root, self.path, self.skip_broken = Path(root), path, skip_broken
        self.valid_fraction, self.test_fraction, self.split_seed = (
            valid_fraction,
            test_fraction,
            split_seed,
        )
        self.skipped: list[str] = []
        self.remarks: list[
            str
        ] = []  # "what: why" of what is used otherwise than it came, as without its box
        self.others: dict[str, list[int]] = {}
        self.report: dict[str, Any] = {}
        self.notes = tfds.core.MetadataDict()  # kept with the prepared set
        shape = {
            "version": str(self.VERSION),
            "decoding": decode.DECODE_VERSION,
            "features": sorted(FEATURES),
            "skip_broken": skip_broken,
            "shares": [valid_fraction, test_fraction],
            "split_seed": split_seed,
            **shaped_by,
        }
        self.fingerprint = hashlib.sha256(json.dumps(shape, sort_keys=True).encode()).hexdigest()[
            :20
        ]
        with silence_logging():
            super().__init__(
                data_dir=self.root / "prepared",
                config=tfds.core.BuilderConfig(name=self.fingerprint),
                file_format="array_record",
            )

    @abc.abstractmethod
    def pictures(self) -> Mapping[str, Iterable[Example]]:
        """Split ("train", "valid", "test") -> its pictures in order; may be lazy."""

    def group(self, name: str) -> str:
        """What the picture of this id belongs to: pictures of one group are never divided."""
        return name

    def broken(self, what: str | Path, why: str) -> None:
        """Lists a file or folder that is left out, if the config says so.

        Raises:
            UserError: in the other case; one line on what it is, why it is of no use, and what to do.
        """
        line = f"{what}: {why}".replace("\n", "\\n")
        if not self.skip_broken:
            raise UserError(
                f"{line}. Mend it, take it out, or skip such with --config.data.skip_broken=True."
            )
        self.skipped.append(line)

    def prepare(self) -> None:
        """Writes the set below root/prepared, whole or not at all, unless it is there already.

        Raises:
            UserError: of the first picture or folder that is of no use.
        """
        config = tfds.download.DownloadConfig(try_download_gcs=False)
        with silence_logging():
            try:
                self.download_and_prepare(download_config=config)
            except OSError:  # also when another process has just finished the same set
                if not self.data_path.exists():
                    raise
            self.info.read_from_directory(self.data_dir)
        self.notes.load_metadata(self.data_dir)
        self.skipped, self.remarks = list(self.notes["skipped"]), list(self.notes["remarks"])
        self.others, self.report = self.notes.get("others", {}), self.notes.get("report", {})
        if self.report and not (self.data_path / REPORT_FILE).exists():
            (self.data_path / REPORT_FILE).write_text(
                json.dumps(self.report, indent=2) + "\n", encoding="utf-8"
            )

    def examples(self, split: str) -> Iterator[tuple[str, int, bytes, Box]]:
        """(id, label, encoded picture, box) of a prepared split, in order."""
        builder: Any = self  # whose decorators hide the signature from the type checker
        with silence_logging():
            source = builder.as_data_source(
                split=split, decoders={"image": tfds.decode.SkipDecoding()}
            )
        for example in source:
            top, left, bottom, right = example["box"].tolist()
            yield (
                example["id"].decode(),
                int(example["label"]),
                example["image"],
                (top, left, bottom, right),
            )

    def picture(self, split: str, place: int) -> Image.Image:
        """A picture of a prepared split, decoded; `place` counts from 0 in the order of `examples`."""
        builder: Any = self
        with silence_logging():
            source = builder.as_data_source(
                split=split, decoders={"image": tfds.decode.SkipDecoding()}
            )
        return decode.open_image(io.BytesIO(source[place]["image"]))

    def _info(self) -> tfds.core.DatasetInfo:
        return LocalInfo(
            builder=self,
            description=f"Labelled pictures: {self.name}",
            features=FEATURES,
            disable_shuffling=True,
            metadata=self.notes,
        )

    def _split_generators(self, dl_manager):
        return {
            split: self._generate_examples(pictures) for split, pictures in self.pictures().items()
        }

    def _generate_examples(self, pictures: Iterable[Example]):
        for index, picture in enumerate(
            tqdm(pictures, f"{self.name}: store", unit=" pictures", delay=1)
        ):
            example = {
                "image": encode_example(picture.image),
                "label": picture.label,
                "id": picture.id,
            }
            yield index, {**example, "box": np.asarray(picture.box, np.int32)}

    def _generate_splits(self, dl_manager, download_config):
        """In TFDS's place, whose writer gathers a whole split in memory and needs TensorFlow above 1 GB."""
        splits = self._split_generators(dl_manager)
        infos = [self._write(split, examples) for split, examples in splits.items()]
        self.notes.update(
            classes=self.classes, groups=self.groups, skipped=self.skipped, remarks=self.remarks
        )
        self.notes.update(others=self.others, report=self.report)
        return infos

    def _write(
        self, split: str, examples: Iterable[tuple[int, dict[str, Any]]]
    ) -> tfds.core.SplitInfo:
        """One array_record file, record after record."""
        template = self._get_filename_template(split_name=split)
        specs: Any = FEATURES.get_serialized_info()
        serializer = ExampleSerializer(specs)
        sizes = []

        def records() -> Iterator[tuple[int, bytes]]:
            for index, example in examples:
                record = serializer.serialize_example(FEATURES.encode_example(example))
                sizes.append(len(record))
                yield index, record

        self._example_writer().write(
            template.sharded_filepath(shard_index=0, num_shards=1), records()
        )
        if not sizes:
            raise UserError(
                f"{self.path or self.name}: no picture is left for the split {split!r}."
            )
        return tfds.core.SplitInfo(
            name=split, shard_lengths=[len(sizes)], num_bytes=sum(sizes), filename_template=template
        )


def encode_example(image: Image.Image | Path) -> bytes:
    """The picture as PNG; a plain PNG or JPEG file stays byte for byte what it is."""
    if isinstance(image, Path):
        return decode.encode_for_storage(image)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


@contextlib.contextmanager
def silence_logging() -> Iterator[None]:
    """Without what TFDS prints, and its remarks for its own developers (custom configuration, no OpenCV)."""
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logger.setLevel(level)
