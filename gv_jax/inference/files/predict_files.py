"""Predicts any number of image files in constant memory, in the order of the inputs."""

import hashlib
import io
import os
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from gv_jax.data.formats.header import CorruptImageError
from gv_jax.inference.files.input_files import ImageSource
from gv_jax.inference.files.zip_members import ZipFiles
from gv_jax.inference.image_file import read_image
from gv_jax.wording import count_noun

if TYPE_CHECKING:
    from gv_jax.inference.classifier import ClassifierRun
    from gv_jax.inference.prediction import Predictions

CHUNK = 32  # images that a thread decodes at a time
THREADS = min(4, os.cpu_count() or 1)
LOOK_AHEAD = 2 * THREADS  # chunks that are decoded before they are needed
MAX_BATCH, MIN_BATCH = 256, 16  # images
BATCH_BYTES = 8 * 2**20  # of the pixels of a batch
CHANNEL_NAMES = {1: "gray", 2: "gray with alpha", 3: "RGB", 4: "RGB with alpha"}


@dataclass(frozen=True)
class Decoded:
    """An image file as input of the network.

    Attributes:
        source: The file.
        pixels: uint8 [h w c]; None for an unreadable file.
        problem: Why it is unreadable.
        channels: Number of channels of the file.
        digest: SHA-256 of the file; "" if it was not asked for.
    """

    source: ImageSource
    pixels: np.ndarray | None = None
    problem: str = ""
    channels: int = 0
    digest: str = ""


@dataclass(frozen=True)
class PredictedBatch:
    """Images in the order of the inputs, with the predictions of the run.

    Attributes:
        images: Readable images; their pixels are what the network gets.
        predictions: One per image.
    """

    images: Sequence[Decoded]
    predictions: "Predictions"


@dataclass
class Predictor:
    """Predicts image files with a run.

    Attributes:
        run: The run.
        with_digests: Also compute the SHA-256 of every file.
        zips: Open zip files.
        problems: (path as text, reason) of files that could not be read.
        conversions: Number of channels -> number of images that were converted from it.
    """

    run: "ClassifierRun"
    with_digests: bool = False
    zips: ZipFiles = field(default_factory=ZipFiles)
    problems: list[tuple[str, str]] = field(default_factory=list)
    conversions: Counter[int] = field(default_factory=Counter)

    def predict(self, sources: Iterable[ImageSource]) -> Iterator[PredictedBatch]:
        """Yields the predictions of all readable files; notes the others in `problems`."""
        height, width = self.run.image_size
        fitting = BATCH_BYTES // max(1, height * width * self.run.channels)
        size = min(MAX_BATCH, max(MIN_BATCH, 2 ** max(0, fitting.bit_length() - 1)))
        images = self._iter_readable(sources)
        while batch := list(islice(images, size)):
            pixels = np.stack([image.pixels for image in batch if image.pixels is not None])
            yield PredictedBatch(batch, self.run.predict_arrays(pixels))

    def describe_conversions(self) -> str:
        """One line on images with other channels than the network; "" without any."""
        if not self.conversions:
            return ""
        counts = ", ".join(
            f"{count:,} {CHANNEL_NAMES[channels]}"
            for channels, count in self.conversions.most_common()
        )
        return (
            f"the run uses {count_noun(self.run.channels, 'channel')}; converted as in its "
            f"training: {counts}"
        )

    def _iter_readable(self, sources: Iterable[ImageSource]) -> Iterator[Decoded]:
        for image in self._iter_decoded(sources):
            if image.pixels is None:
                self.problems.append((str(image.source), image.problem))
                continue
            if image.channels != self.run.channels:
                self.conversions[image.channels] += 1
            yield image

    def _iter_decoded(self, sources: Iterable[ImageSource]) -> Iterator[Decoded]:
        """Decodes in threads, at most LOOK_AHEAD chunks ahead."""
        remaining = iter(sources)
        pending: deque[Future[list[Decoded]]] = deque()
        with ThreadPoolExecutor(THREADS) as executor:
            try:
                while True:
                    while len(pending) < LOOK_AHEAD and (chunk := list(islice(remaining, CHUNK))):
                        pending.append(executor.submit(self._decode_chunk, chunk))
                    if not pending:
                        return
                    yield from pending.popleft().result()
            finally:
                executor.shutdown(wait=False, cancel_futures=True)

    def _decode_chunk(self, chunk: Sequence[ImageSource]) -> list[Decoded]:
        return [self.decode(source) for source in chunk]

    def decode(self, source: ImageSource) -> Decoded:
        """Decodes and resizes one file as in training."""
        try:
            digest, content = "", source.path
            if source.member:
                data = self.zips.read(source.path, source.member)
                digest, content = hashlib.sha256(data).hexdigest(), io.BytesIO(data)
            elif self.with_digests:
                with source.path.open("rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
            image = read_image(content).pixels
            return Decoded(source, self.run.prepare(image), "", image.shape[-1], digest)
        except CorruptImageError as error:
            return Decoded(source, problem=str(error))
        except OSError as error:
            return Decoded(source, problem=f"cannot be read ({error.strerror or error})")
