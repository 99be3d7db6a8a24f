"""Names of licenses: one spelling for each, and whether they exclude commercial use."""

import itertools
import re

UNKNOWN = "unknown"
NO_LICENSE = (UNKNOWN, "", "none", "null", "n/a", "na", "tbd", "not-specified", "not-set")
SPELLINGS = {  # as `shorten` returns them -> SPDX identifier in lower case, as on the hub
    "apache": "apache-2.0",
    "apache-2": "apache-2.0",
    "apache2": "apache-2.0",
    "apache2.0": "apache-2.0",
    "apache-2.0": "apache-2.0",
    "apache-software-2.0": "apache-2.0",
    "apache.org/licenses/license-2.0": "apache-2.0",
    "mit": "mit",
    "expat": "mit",
    "opensource.org/licenses/mit": "mit",
    "opensource.org/mit": "mit",
    "bsd3": "bsd-3-clause",
    "bsd-3": "bsd-3-clause",
    "bsd-3-clause": "bsd-3-clause",
    "3-clause-bsd": "bsd-3-clause",
    "bsd2": "bsd-2-clause",
    "bsd-2": "bsd-2-clause",
    "bsd-2-clause": "bsd-2-clause",
    "2-clause-bsd": "bsd-2-clause",
    "gpl-2": "gpl-2.0",
    "gpl-2.0": "gpl-2.0",
    "gpl-3": "gpl-3.0",
    "gpl-3.0": "gpl-3.0",
    "gnu-gpl-3": "gpl-3.0",
    "agpl-3": "agpl-3.0",
    "agpl-3.0": "agpl-3.0",
    "lgpl-3": "lgpl-3.0",
    "lgpl-3.0": "lgpl-3.0",
}
CREATIVE_COMMONS = re.compile(
    r"(?:(?:https?://)?(?:www\.)?creativecommons\.org/licenses/|creative-commons-?|cc-?)"
    r"(by(?:-nc)?(?:-sa|-nd)?)(?:[-/]v?(\d(?:\.\d)?))?(?![a-z])"
)
CC0 = re.compile(r"(?:https?://)?(?:www\.)?creativecommons\.org/publicdomain/zero/|cc-?0(?![a-z])")
ELEMENTS = {  # of Creative Commons licenses, spelled out
    "non-commercial": "nc",
    "noncommercial": "nc",
    "attribution": "by",
    "share-alike": "sa",
    "sharealike": "sa",
    "noderivatives": "nd",
    "noderivs": "nd",
}
# Words of names such as "cc-by-nc-4.0", "deepfloyd-if-license-nc" and "research only".
NON_COMMERCIAL = {"nc", "noncommercial", "research", "academic", "nonproduction", "mnpl", "amlr"}


def normalize_license(text: str) -> str:
    """One spelling of a license: an SPDX identifier in lower case where it is one.

    "Apache License, Version 2.0" and "Apache-2.0" are "apache-2.0". Others only get lower case and
    dashes between words; what stands for no license is "unknown".
    """
    text = re.sub(r"(?<=\w)\s*\(.*?\)", "", text)  # an abbreviation of what is before it
    plain = re.sub(r"[\s_,()]+", "-", text.strip().lower()).strip("-")
    if plain in NO_LICENSE:
        return UNKNOWN
    if CC0.match(plain):
        return "cc0-1.0"
    if match := CREATIVE_COMMONS.match(abbreviate_elements(plain)):
        elements, version = match.groups()
        return f"cc-{elements}" + (f"-{float(version):.1f}" if version else "")
    return SPELLINGS.get(shorten(plain), plain)


def abbreviate_elements(text: str) -> str:
    """ "attribution-noncommercial" -> "by-nc"."""
    for name, abbreviation in ELEMENTS.items():
        text = text.replace(name, abbreviation)
    return text


def shorten(text: str) -> str:
    """Without address prefix, file suffix and the words "the", "license", "version" and "v"."""
    if re.match(r"https?://", text):
        return re.sub(r"^https?://(www\.)?|(\.txt|\.html|/)*$", "", text)
    text = re.sub(r"\b(the|licen[sc]e|version)\b", "", text)
    text = re.sub(r"-*\bv(?=\d)|(?<=gpl)v(?=\d)", "-", text)
    return re.sub(r"-+", "-", text).strip("-")


def is_own_license(text: str) -> bool:
    """Whether a normalized name is that of an own license, as in "dinov3-license"."""
    return re.search(r"licen[sc]e", text) is not None


def is_non_commercial(text: str) -> bool:
    """Whether words of a license's name say that it excludes commercial use."""
    words = re.findall(r"[a-z]+", text.lower())
    pairs = (first + second for first, second in itertools.pairwise(words))
    return not NON_COMMERCIAL.isdisjoint((*words, *pairs))
