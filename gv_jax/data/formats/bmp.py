"""BMP reader. Pillow drops the alpha of 16-bit images and rejects unusual bit fields."""

import struct
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from gv_jax.data.formats.bmp_rle import decode_runs
from gv_jax.data.formats.header import CorruptImageError, Header

FILE_HEADER = 14  # bytes before the bitmap header
HEADER_SIZES = (12, 16, 40, 52, 56, 64, 108, 124)
BIT_DEPTHS = (1, 2, 4, 8, 16, 24, 32)
RAW, RLE8, RLE4, BIT_FIELDS, ALPHA_BIT_FIELDS = 0, 1, 2, 3, 6
DEFAULT_MASKS = {  # red, green, blue, alpha
    16: (0x7C00, 0x3E0, 0x1F, 0),
    24: (0xFF0000, 0xFF00, 0xFF, 0),
    32: (0xFF0000, 0xFF00, 0xFF, 0),
}


@dataclass(frozen=True)
class BitmapHeader:
    """The fields of a BMP header.

    Attributes:
        size: (width, height) in pixels.
        top_down: whether the first row is the top one.
        bits: per pixel.
        compression: one of the constants of this module.
        masks: bits of red, green, blue and alpha in a pixel of 16, 24 or 32 bits.
        palette: uint8 [n 3], RGB, with 2**bits entries; empty above 8 bits.
        offset: of the pixels in the file, in bytes.
    """

    size: tuple[int, int]
    top_down: bool
    bits: int
    compression: int
    masks: tuple[int, int, int, int]
    palette: np.ndarray
    offset: int


def read_bmp(
    data: bytes, check: Callable[[Header], None]
) -> tuple[Image.Image, Header, tuple[str, ...]]:
    """Decodes a BMP file: palettes, RLE4, RLE8, and bit fields of any width.

    An alpha mask counts only if an alpha value is not 0: writers without alpha leave it 0. The
    fourth byte of 32 bits without a mask is no alpha, see the `BITMAPINFOHEADER` reference.

    Args:
        data: the file.
        check: called before the pixels are decoded; may raise CorruptImageError.

    Returns:
        An image of mode L, RGB or RGBA, its header, and remarks on ignored content.

    Raises:
        CorruptImageError: truncated, or of a kind that is not supported.
    """
    try:
        bitmap = parse_header(data)
    except struct.error:
        raise CorruptImageError("is truncated in the header of the BMP") from None
    alpha = bool(bitmap.masks[3])
    gray = bool(len(bitmap.palette)) and (bitmap.palette == bitmap.palette[:, :1]).all()
    header = Header("BMP", bitmap.size, "RGBA" if alpha else "L" if gray else "RGB", alpha)
    check(header)
    values = read_values(data, bitmap)
    if values.ndim == 3:
        return Image.fromarray(values), header, ()
    if bitmap.bits <= 8:
        pixels = bitmap.palette[values]
        return Image.fromarray(pixels[..., 0] if gray else pixels), header, ()
    channels = [extract_field(values, mask) for mask in bitmap.masks[: 4 if alpha else 3]]
    remarks = ()
    if alpha and not channels[3].any():
        remarks = ("has alpha 0 everywhere; it is read as opaque",)
        channels = channels[:3]
    if bitmap.bits == 32 and bitmap.compression == RAW:
        fourth = values >> 24
        if fourth.any() and fourth.min() < 255:
            remarks = ("has no alpha mask; the fourth byte of its pixels is ignored",)
    return Image.fromarray(np.stack(channels, -1)), header, remarks


def parse_header(data: bytes) -> BitmapHeader:
    """The header and palette of a BMP file.

    Raises:
        CorruptImageError: a kind of BMP that is not supported.
        struct.error: truncated.
    """
    offset, header_size = struct.unpack_from("<II", data, 10)
    if header_size not in HEADER_SIZES:
        raise CorruptImageError(f"has a BMP header of {header_size} bytes, which is not supported")
    if header_size == 12:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        compression = colors = 0
    else:
        width, height, _, bits = struct.unpack_from("<iiHH", data, 18)
        fields = struct.unpack_from("<I12xI", data, 30) if header_size >= 40 else (RAW, 0)
        compression, colors = fields
    check_kind(header_size, bits, compression)
    if width <= 0 or not height:
        raise CorruptImageError(f"has a size of {width}x{height} pixels")
    palette_start = FILE_HEADER + header_size
    masks = DEFAULT_MASKS.get(bits, (0, 0, 0, 0))
    if compression in (BIT_FIELDS, ALPHA_BIT_FIELDS):
        masks = read_masks(data, header_size, bits, compression)
        palette_start += 4 * (3 + (compression == ALPHA_BIT_FIELDS)) * (header_size == 40)
    palette, palette_end = read_palette(data, palette_start, offset, header_size, bits, colors)
    if offset < palette_start or (offset == palette_start and bits <= 8):
        offset = palette_end  # writers that leave the field 0 or forget the palette
    return BitmapHeader((width, abs(height)), height < 0, bits, compression, masks, palette, offset)


def check_kind(header_size: int, bits: int, compression: int) -> None:
    """Raises CorruptImageError if this combination is not supported."""
    if bits not in BIT_DEPTHS:
        raise CorruptImageError(f"has {bits} bits per pixel, which BMP does not have")
    depths = {
        RAW: BIT_DEPTHS,
        RLE8: (8,),
        RLE4: (4,),
        BIT_FIELDS: (16, 24, 32) if header_size != 64 else (),  # Huffman in OS/2
        ALPHA_BIT_FIELDS: (16, 24, 32),
    }
    if bits not in depths.get(compression, ()):
        raise CorruptImageError(
            f"is a BMP of {bits} bits with compression {compression}, which is not supported; "
            "save it as PNG"
        )


def read_masks(
    data: bytes, header_size: int, bits: int, compression: int
) -> tuple[int, int, int, int]:
    """The masks of red, green, blue and alpha (0 if there is none) of bit fields."""
    masks = struct.unpack_from("<III", data, FILE_HEADER + 40)
    alpha = 0
    if header_size >= 56 or compression == ALPHA_BIT_FIELDS:
        (alpha,) = struct.unpack_from("<I", data, FILE_HEADER + 52)
    for mask in (*masks, alpha):
        low = mask & -mask
        if mask >> bits or (mask + low) & mask:
            raise CorruptImageError(
                f"has the bit field {mask:#x} in {bits} bits, which is not supported; save it as "
                "PNG"
            )
    red, green, blue = masks if any(masks) else DEFAULT_MASKS[bits][:3]
    return red, green, blue, alpha


def read_palette(
    data: bytes, start: int, offset: int, header_size: int, bits: int, colors: int
) -> tuple[np.ndarray, int]:
    """(uint8 [2**bits 3] RGB, its end in the file); missing entries are black.

    Args:
        data: the file.
        start: of the palette, in bytes.
        offset: of the pixels; the palette ends there at the latest.
        header_size: in bytes; 12 has entries of 3 bytes.
        bits: per pixel.
        colors: number of entries, 0 for 2**bits.
    """
    if bits > 8:
        return np.zeros((0, 3), np.uint8), start
    entry = 3 if header_size == 12 else 4
    count = min(colors or 1 << bits, 1 << bits)
    if offset > start:
        count = min(count, (offset - start) // entry)
    stored = np.frombuffer(data[start : start + count * entry], np.uint8)
    stored = stored[: len(stored) // entry * entry].reshape(-1, entry)[:, 2::-1]
    palette = np.zeros((1 << bits, 3), np.uint8)
    palette[: len(stored)] = stored
    return palette, start + count * entry


def read_values(data: bytes, bitmap: BitmapHeader) -> np.ndarray:
    """Pixels, top row first: uint8 [h w] indices up to 8 bits, else uint32 [h w] values.

    Plain ones of 24 bits, the most frequent kind, are already uint8 [h w 3] RGB, for speed.

    Raises:
        CorruptImageError: truncated.
    """
    width, height = bitmap.size
    if bitmap.compression in (RLE4, RLE8):
        nibbles = bitmap.compression == RLE4
        values = decode_runs(data[bitmap.offset :], width, height, nibbles=nibbles)
        return values if bitmap.top_down else values[::-1]
    stride, used = (width * bitmap.bits + 31) // 32 * 4, (width * bitmap.bits + 7) // 8
    rows = data[bitmap.offset : bitmap.offset + stride * height]
    if len(rows) < stride * (height - 1) + used:  # the padding of the last row may be missing
        raise CorruptImageError(
            f"is truncated: {len(rows):,} of {stride * height:,} bytes of pixels"
        )
    packed = np.frombuffer(rows.ljust(stride * height, b"\0"), np.uint8).reshape(height, stride)
    if bitmap.bits == 24 and bitmap.masks == DEFAULT_MASKS[24]:
        values = packed[:, : 3 * width].reshape(height, width, 3)[..., ::-1]
    else:
        values = unpack(packed, bitmap.bits)[:, :width]
    return values if bitmap.top_down else values[::-1]


def unpack(packed: np.ndarray, bits: int) -> np.ndarray:
    """Rows of bytes, uint8 [h stride], as pixel values [h w]: uint8 up to 8 bits, else uint32."""
    if bits < 8:
        shifts = np.arange(8 - bits, -1, -bits, dtype=np.uint8)
        fields = packed[..., None] >> shifts & np.uint8((1 << bits) - 1)
        return fields.reshape(len(packed), -1)
    if bits == 8:
        return packed
    if bits == 24:
        pixels = packed[:, : packed.shape[1] // 3 * 3].reshape(len(packed), -1, 3)
        blue, green, red = np.moveaxis(pixels.astype(np.uint32), -1, 0)
        return red << 16 | green << 8 | blue
    return packed.view(f"<u{bits // 8}").astype(np.uint32)


def extract_field(values: np.ndarray, mask: int) -> np.ndarray:
    """The bits of `mask`, a run of ones, as uint8 scaled from full range to 0 to 255, rounded."""
    if not mask:
        return np.zeros(values.shape, np.uint8)
    shift = (mask & -mask).bit_length() - 1
    limit = mask >> shift
    field = (values & np.uint32(mask)) >> np.uint32(shift)
    if limit == 255:
        return field.astype(np.uint8)
    return ((field.astype(np.uint64) * 510 + limit) // (2 * limit)).astype(np.uint8)
