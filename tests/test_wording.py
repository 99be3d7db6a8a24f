"""Singular and plural."""

import pytest

from gv_jax.wording import count_noun


@pytest.mark.parametrize(
    ("count", "nouns", "text"),
    [
        (1, ("image",), "1 image"),
        (0, ("image",), "0 images"),
        (2000, ("image",), "2,000 images"),
        (3, ("class",), "3 classes"),
        (1, ("class",), "1 class"),
        (2, ("batch",), "2 batches"),
        (1, ("copy", "copies"), "1 copy"),
        (2, ("copy", "copies"), "2 copies"),
    ],
)
def test_a_noun_agrees_with_its_count(count, nouns, text):
    assert count_noun(count, *nouns) == text
