"""Text in PNG files that states that an image is generated, and how."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

METADATA_KEY = "gv_jax"  # of the text with run, seed and settings, as JSON
# IPTC's term for images of a generative model, which galleries and search engines read.
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
XMP = f"""<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
 Iptc4xmpExt:DigitalSourceType="{SOURCE_TYPE}"/></rdf:RDF></x:xmpmeta>"""


def make_metadata(description: Mapping[str, Any]) -> PngInfo:
    """The text chunks of a generated image; `description` has its run, class and seed."""
    info = PngInfo()
    info.add_text("Software", description["software"])
    info.add_itxt(
        "Description",
        f"Generated image of the class {description['class']!r}: number {description['index']} of "
        f"seed {description['seed']}, run {description['run']!r} ({description['run_hash']})",
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
