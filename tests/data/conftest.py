from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="session")
def film() -> Callable[..., Path]:
    """Writes frames uint8 [h w 3] (even sides) as a video; the suffix says which kind."""
    av = pytest.importorskip("av")
    codecs = {
        ".gif": ("gif", "rgb8"),
        ".webm": ("libvpx-vp9", "yuv420p"),
        ".avi": ("mpeg4", "yuv420p"),
    }

    def write(path: Path, frames: Sequence[np.ndarray], rate: int = 24) -> Path:
        codec, layout = codecs.get(path.suffix, ("libx264", "yuv420p"))
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=rate)
            stream.height, stream.width = frames[0].shape[:2]
            stream.pix_fmt = layout
            stream.codec_context.gop_size = 12
            for frame in frames:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
            container.mux(stream.encode())
        return path

    return write


@pytest.fixture(scope="session")
def play() -> Callable[..., list[np.ndarray]]:
    """So many frames of 48x64, each a new pattern of 24 large squares; another seed, other colours."""

    def frames(count: int, seed: int = 0) -> list[np.ndarray]:
        draws = np.random.default_rng(seed).integers(0, 256, (count, 4, 6, 3), dtype=np.uint8)
        return [np.kron(squares, np.ones((12, 12, 1), np.uint8))[:, :64] for squares in draws]

    return frames
