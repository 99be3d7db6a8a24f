from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="session")
def write_video() -> Callable[..., Path]:
    """Writes frames uint8 [h w 3] (even sides) as a video; the suffix selects the format."""
    av = pytest.importorskip("av")
    codecs = {
        ".gif": ("gif", "rgb8"),
        ".webm": ("libvpx-vp9", "yuv420p"),
        ".avi": ("mpeg4", "yuv420p"),
    }

    def write(path: Path, frames: Sequence[np.ndarray], rate: int = 24) -> Path:
        codec, pixel_format = codecs.get(path.suffix, ("libx264", "yuv420p"))
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=rate)
            stream.height, stream.width = frames[0].shape[:2]
            stream.pix_fmt = pixel_format
            stream.codec_context.gop_size = 12
            for frame in frames:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
            container.mux(stream.encode())
        return path

    return write


@pytest.fixture(scope="session")
def make_frames() -> Callable[..., list[np.ndarray]]:
    """`count` frames of 48x64 pixels, each a random pattern of 24 squares in 4 rows."""

    def make(count: int, seed: int = 0) -> list[np.ndarray]:
        rng = np.random.default_rng(seed)
        squares = rng.integers(0, 256, (count, 4, 6, 3), dtype=np.uint8)
        return [np.kron(frame, np.ones((12, 12, 1), np.uint8))[:, :64] for frame in squares]

    return make
