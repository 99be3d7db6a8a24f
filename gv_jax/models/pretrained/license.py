"""The license of pretrained weights: from the card beside them, their metadata or config.json."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gv_jax.models.pretrained.card import CARD_NAME, read_card_fields
from gv_jax.models.pretrained.license_names import (
    UNKNOWN,
    is_non_commercial,
    is_own_license,
    normalize_license,
)
from gv_jax.models.pretrained.pretrained_cfg import CFG_KEY, config_files
from gv_jax.models.pretrained.weights_file import read_metadata

OTHER = "other"  # on the hub: a license of its own, with a name
FIELDS = ("license", "license_name", "license_link")  # of a card, metadata and `pretrained_cfg`
MAX_LENGTH = 200  # characters of one of them


class WeightsLicense(NamedTuple):
    """A license as far as it is stated.

    Attributes:
        ids: SPDX identifiers in lower case, "other", or what else is written; none if unknown.
        name: of a license without identifier, as in "dinov3-license"; "" for none.
        link: to its text; "" for none.
    """

    ids: tuple[str, ...] = ()
    name: str = ""
    link: str = ""

    def __str__(self) -> str:
        """As in "cc-by-nc-4.0", "other (dinov3-license)" and "unknown"."""
        ids = ", ".join(self.ids) or UNKNOWN
        return f"{ids} ({self.name})" if self.name else ids

    @property
    def restriction(self) -> str:
        """What to mind before trained models are used; "" for nothing."""
        names = (*self.ids, self.name)
        terms = f" ({self.link})" if self.link else ""
        if any(map(is_non_commercial, names)):
            return (
                f"it excludes commercial use: ask its authors{terms} before you use the trained "
                "model commercially"
            )
        if OTHER in self.ids or any(map(is_own_license, names)):
            return f"no standard license: read its terms{terms} before you use the trained model"
        return ""


def read_license(file: Path) -> WeightsLicense:
    """The license of the weights in `file`.

    Of the README.md beside them; else of the metadata of a .safetensors; else of a JSON file as in
    `pretrained_cfg`. Files that cannot be read state none.
    """
    card = read_card_fields(file.with_name(CARD_NAME), FIELDS)
    metadata: dict[str, Any] = read_metadata(file) if file.suffix == ".safetensors" else {}
    configs = [read_object(json_file.read_bytes()) for json_file in config_files(file)]
    sources = [card, metadata, read_object(metadata.get(CFG_KEY))]
    sources += [config.get(CFG_KEY) for config in configs] + configs
    for source in sources:
        if isinstance(source, dict) and (license := make_license(*map(source.get, FIELDS))).ids:
            return license
    return WeightsLicense()


def read_object(text: str | bytes | None) -> dict[str, Any]:
    """The object in a JSON text; {} for anything else."""
    try:
        content = json.loads(text or "")
    except (ValueError, TypeError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def make_license(license: object, name: object, link: object) -> WeightsLicense:
    """The license of these values, strings or lists of strings; others count as absent."""
    ids = dict.fromkeys(map(normalize_license, list_strings(license)))
    known = tuple(value for value in ids if value != UNKNOWN)
    names, links = ", ".join(list_strings(name)), ", ".join(list_strings(link))
    if names and not known:
        known = (OTHER,)
    return WeightsLicense(known, names if OTHER in known else "", links)


def list_strings(value: object) -> Sequence[str]:
    """The strings in a string or list, each in one line of at most MAX_LENGTH characters."""
    values = value if isinstance(value, list | tuple) else [value]
    texts = [" ".join(text.split())[:MAX_LENGTH] for text in values if isinstance(text, str)]
    return [text for text in texts if text]
