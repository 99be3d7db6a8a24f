"""Text in PNG files that states that an image is generated, and how."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from gv_jax.inference.generation.generator import Sampling
from gv_jax.inference.generation.generator_run import GeneratorRun, Palette
from gv_jax.inference.generation.snap_colors import read_palette
from gv_jax.training.run_metadata import package_version

METADATA_KEY = "gv_jax"  # of the text with run, seed and settings, as JSON
# IPTC's term for images of a generative model, which galleries and search engines read.
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
XMP = f"""<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
 Iptc4xmpExt:DigitalSourceType="{SOURCE_TYPE}"/></rdf:RDF></x:xmpmeta>"""


class Source(NamedTuple):
    """An image that is varied: its name, and its pixels as the network is given them."""

    name: str
    pixels: np.ndarray


def describe_settings(
    run: GeneratorRun, sampling: Sampling, palette: Palette | None
) -> dict[str, Any]:
    """What all images of a run with the same settings record."""
    return {
        "software": f"gv_jax {package_version('gv_jax')}",
        "run": run.name,
        "run_hash": run.hash,
        "dataset": run.results["dataset"],
        **{
            name: value
            for name, value in sampling._asdict().items()
            if name != "layout_time" or run.generator.task.layouts is not None
        },
        "sampler": run.section["sampler"],
        **describe_palette(run.section["palette"] if palette is None else palette),
    }


def describe_palette(palette: Palette) -> dict[str, Any]:
    """What images record of a palette: a number, or the name of a file and a hash of its colors."""
    if isinstance(palette, int):
        return {"palette": palette}
    file = Path(palette)
    return {"palette": file.name, "palette_hash": hash_pixels(read_palette(file))}


def describe_image(
    settings: Mapping[str, Any], label: str, index: int, like: Source | None = None
) -> dict[str, Any]:
    """What an image records.

    Args:
        settings: As of `describe_settings`.
        label: Its class.
        index: Its number among the images of its class and seed.
        like: The image that it varies.
    """
    described = {**settings, "class": label, "index": index}
    if like is None:
        described.pop("strength", None)  # has no effect
    else:
        described |= {"like": like.name, "like_hash": hash_pixels(like.pixels)}
    return json.loads(json.dumps(described))


def hash_pixels(pixels: np.ndarray) -> str:
    """A hash of an array uint8 that identifies it."""
    return hashlib.sha256(pixels.tobytes()).hexdigest()[:20]


def save_generated(
    image: np.ndarray, description: Mapping[str, Any], file: Path | IO[bytes]
) -> None:
    """Writes an image uint8 [h w c] as PNG with what it records, as of `describe_image`."""
    pixels = image[..., 0] if image.shape[-1] == 1 else image
    subject = f"Generated image of the class {description['class']!r}: number"
    metadata = make_metadata(description, f"{subject} {description['index']} of")
    Image.fromarray(pixels).save(file, "PNG", pnginfo=metadata)


def save_sheet(sheet: Image.Image, settings: Mapping[str, Any], file: Path) -> None:
    """Writes a contact sheet as PNG with the settings of its images, of `describe_settings`."""
    sheet.save(file, "PNG", pnginfo=make_metadata(settings, "Generated images:"))


def make_metadata(description: Mapping[str, Any], subject: str) -> PngInfo:
    """The text chunks of a file of generated images.

    Args:
        description: Has their run and seed.
        subject: What the file shows, before "seed".
    """
    info = PngInfo()
    info.add_text("Software", description["software"])
    info.add_itxt(
        "Description",
        f"{subject} seed {description['seed']}, run {description['run']!r} "
        f"({description['run_hash']})",
    )
    info.add_itxt(METADATA_KEY, json.dumps(description))
    info.add_itxt("XML:com.adobe.xmp", XMP)
    return info


def read_metadata(file: Path) -> dict[str, Any] | None:
    """The description in a PNG file; None if it is not a generated image."""
    try:
        with Image.open(file) as image:
            text: Any = getattr(image, "text", {}).get(METADATA_KEY)
        return json.loads(text) if text else None
    except (OSError, UnidentifiedImageError, ValueError):
        return None
