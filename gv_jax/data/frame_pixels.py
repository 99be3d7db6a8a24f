"""Decoded video frame -> uint8 RGB, upright, with the colors that its tags or its size imply."""

from typing import Any

import numpy as np

HD_SIZE = (720, 1280)  # height or width from which on untagged colors are those of ITU-R BT.709
# libswscale: bilinear, accurate rounding, and chroma of full resolution. Without these flags a
# pass from RGB to 4:2:0 and back makes grays 1.2 of 255 darker.
CONVERSION_FLAGS = 0x2 | 0x40000 | 0x2000 | 0x4000
RANGE_LIMITED = 1
MATRIX_UNSPECIFIED = (0, 2, 3)  # ITU-T H.273: RGB in a YCbCr format, unspecified, reserved
WIDE_PRIMARIES = (9, 11, 12)  # BT.2020, DCI-P3, Display P3
HDR_TRANSFERS = {16: "PQ", 18: "HLG"}
GRAY_BITS = {
    "gray": 8,
    **{f"gray{bits}{order}": bits for bits in (9, 10, 12, 14, 16) for order in ("le", "be")},
}
TRANSFER_SRGB, PRIMARIES_BT709 = 13, 1


def color_standard(height: int, width: int) -> str:
    """The standard of the conversion between RGB and YCbCr for an untagged video of this size."""
    return "ITU709" if height >= HD_SIZE[0] or width >= HD_SIZE[1] else "ITU601"


def decode_rgb(frame: Any) -> tuple[np.ndarray, bool]:
    """Converts a frame of PyAV to uint8 [h w 3], upright, composited over black.

    Returns:
        The pixels, and whether any of them is transparent.
    """
    is_transparent = False
    if frame.format.name in GRAY_BITS:
        pixels = _expand_gray(frame)
    else:
        pixels, is_transparent = _convert(frame)
    matrix = read_display_matrix(frame)
    if matrix is not None:
        pixels = np.ascontiguousarray(turn_upright(pixels, matrix))
    return pixels, is_transparent


def _expand_gray(frame: Any) -> np.ndarray:
    """Gray frame -> RGB. libswscale takes every gray for one of full range."""
    bits = GRAY_BITS[frame.format.name]
    plane = frame.planes[0]
    size = 1 if bits == 8 else 2
    kind = "u1" if bits == 8 else (">u2" if frame.format.name.endswith("be") else "<u2")
    rows = np.frombuffer(plane, kind).reshape(-1, abs(plane.line_size) // size)
    gray = rows[: frame.height, : frame.width].astype(np.float32)
    low, high = 0, 2**bits - 1
    if frame.color_range == RANGE_LIMITED:
        low, high = 16 << (bits - 8), 235 << (bits - 8)
    gray = np.clip(np.rint((gray - low) * (255 / (high - low))), 0, 255).astype(np.uint8)
    return np.repeat(gray[..., None], 3, -1)


def _convert(frame: Any) -> tuple[np.ndarray, bool]:
    options: dict[str, Any] = {"interpolation": CONVERSION_FLAGS}
    if not is_rgb(frame.format) and frame.colorspace in MATRIX_UNSPECIFIED:
        options["src_colorspace"] = color_standard(frame.height, frame.width)
    if frame.color_trc in HDR_TRANSFERS or frame.color_primaries in WIDE_PRIMARIES:
        options |= {"dst_color_trc": TRANSFER_SRGB, "dst_color_primaries": PRIMARIES_BT709}
    if not has_alpha(frame.format):
        return frame.to_ndarray(format="rgb24", **options), False
    return composite(frame.to_ndarray(format="rgba", **options))


def composite(rgba: np.ndarray) -> tuple[np.ndarray, bool]:
    """RGBA uint8 [h w 4] over black: (uint8 [h w 3], whether any pixel is transparent)."""
    rgb, alpha = rgba[..., :3], rgba[..., 3:]
    if alpha.min() == 255:
        return np.ascontiguousarray(rgb), False
    return ((rgb.astype(np.uint16) * alpha + 127) // 255).astype(np.uint8), True


def is_rgb(pixel_format: Any) -> bool:
    """Whether a pixel format has no YCbCr matrix."""
    return pixel_format.is_rgb or pixel_format.has_palette or "mono" in pixel_format.name


def has_alpha(pixel_format: Any) -> bool:
    """Whether a pixel format may be transparent."""
    return any(component.is_alpha for component in pixel_format.components)


def read_display_matrix(frame: Any) -> np.ndarray | None:
    """int [2 2]: rows (a, b), (c, d) of x' = a x + c y, y' = b x + d y, each -1, 0 or 1.

    None for an upright frame. Angles are rounded to multiples of 90 degrees.
    """
    try:
        data = frame.side_data.get("DISPLAYMATRIX")
    except ValueError:  # PyAV does not know the type of some other side data
        angle = np.deg2rad(frame.rotation)
        cosine, sine = np.cos(angle), np.sin(angle)
        return _round_matrix(np.array([[cosine, -sine], [sine, cosine]]))
    if data is None:
        return None
    return _round_matrix(np.frombuffer(bytes(data), np.int32).reshape(3, 3)[:2, :2].astype(float))


def _round_matrix(entries: np.ndarray) -> np.ndarray | None:
    straight, turned = np.abs(np.diag(entries)).sum(), np.abs(np.diag(entries[::-1])).sum()
    keep = np.eye(2) if straight >= turned else np.eye(2)[::-1]
    matrix = (np.sign(entries) * keep).astype(int)
    is_valid = np.abs(matrix).sum() == 2
    return matrix if is_valid and not np.array_equal(matrix, np.eye(2)) else None


def turn_upright(pixels: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Turns and mirrors [h w c] by a display matrix of -1, 0 and 1."""
    (a, b), (c, d) = matrix
    if a:
        return pixels[:: int(d), :: int(a)]
    return pixels.swapaxes(0, 1)[:: int(b), :: int(c)]
