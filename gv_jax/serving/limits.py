"""What one request may use."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What one request may use.

    Attributes:
        body_bytes: Of the body, all files together.
        body_seconds: Until the body has arrived.
        files: Number of files of a request.
        pixels: Of an image, read from its header before it is decoded.
        output_pixels: Of an image that is colorized or upscaled, as it is given.
        frames: Of a clip; further ones are an error.
        frame_pixels: Of a frame of a clip.
        clip_seconds: Time for colorizing a clip.
        clips: Number of clips that are colorized or kept at once.
        kept_seconds: Time after which a finished clip is deleted.
        seconds: Time for the response to a request, once its body has arrived.
    """

    body_bytes: int = 32_000_000
    body_seconds: float = 60.0
    files: int = 200
    pixels: int = 16_000_000
    output_pixels: int = 2_000_000
    frames: int = 300
    frame_pixels: int = 1_000_000
    clip_seconds: float = 120.0
    clips: int = 4
    kept_seconds: float = 600.0
    seconds: float = 60.0
