"""Spellings of licenses as cards and metadata have them; expected: SPDX identifiers."""

import pytest

from gv_jax.models.pretrained.license_names import (
    is_non_commercial,
    is_own_license,
    normalize_license,
)


@pytest.mark.parametrize(
    ("identifier", "spellings"),
    [
        (
            "apache-2.0",
            [
                *("apache-2.0", "Apache-2.0", " APACHE 2.0 ", "apache_2.0", "Apache License 2.0"),
                *("Apache License, Version 2.0", "Apache License v2.0", "Apache 2", "apache2"),
                *("the Apache License (2004)", "Apache Software License 2.0"),
                *("http://www.apache.org/licenses/LICENSE-2.0.txt",),
                *("https://apache.org/licenses/LICENSE-2.0",),
            ],
        ),
        (
            "mit",
            ["mit", "MIT", "MIT License", "The MIT licence (MIT)", "opensource.org/licenses/MIT"],
        ),
        ("bsd-3-clause", ["BSD-3-Clause", "BSD 3-Clause License", "3-clause BSD", "BSD-3"]),
        ("gpl-3.0", ["GPL-3.0", "GPLv3", "GNU GPL v3", "gpl 3"]),
        ("cc0-1.0", ["CC0-1.0", "cc0", "https://creativecommons.org/publicdomain/zero/1.0/"]),
        ("cc-by-4.0", ["CC BY 4.0", "cc_by_4", "ccby-4.0", "Creative Commons Attribution 4.0"]),
        (
            "cc-by-nc-4.0",
            [
                *("cc-by-nc-4.0", "CC BY-NC 4.0", "CC-BY-NC-4", "cc by nc 4.0"),
                *("https://creativecommons.org/licenses/by-nc/4.0/",),
                *("https://www.creativecommons.org/licenses/by-nc/4.0/legalcode.en",),
                "Creative Commons Attribution-NonCommercial 4.0 International",
                "Creative Commons Attribution Non-Commercial 4.0",
            ],
        ),
        ("cc-by-nc-sa-4.0", ["CC BY-NC-SA 4.0"]),
        ("cc-by-nc", ["CC-BY-NC"]),
        ("unknown", ["", " ", "unknown", "None", "N/A", "TBD", "not specified"]),
        ("dinov3-license", ["dinov3-license", "DINOv3 License"]),
        ("openrail", ["openrail", "OpenRAIL"]),
        ("apache-2.0-with-llvm-exception", ["Apache-2.0 WITH LLVM-exception"]),
        ("unlicense", ["Unlicense"]),
    ],
)
def test_spellings_of_a_license_become_one(identifier, spellings):
    assert {normalize_license(text) for text in spellings} == {identifier}
    assert normalize_license(identifier) == identifier


@pytest.mark.parametrize(
    ("name", "excludes"),
    [
        *(
            (name, True)
            for name in ("cc-by-nc-4.0", "cc-by-nc-sa-3.0", "cc-by-nc", "non commercial")
        ),
        *((name, True) for name in ("fair-noncommercial-research-license", "apple-amlr")),
        *((name, True) for name in ("deepfloyd-if-license-nc", "research only", "Non-Production")),
        *((name, False) for name in ("apache-2.0", "cc-by-4.0", "ncsa", "dinov3-license", "")),
    ],
)
def test_names_say_whether_commercial_use_is_excluded(name, excludes):
    assert is_non_commercial(name) == excludes


def test_own_licenses_are_named_so():
    assert is_own_license("dinov3-license")
    assert not any(map(is_own_license, ("apache-2.0", "mit", "openrail", "")))
