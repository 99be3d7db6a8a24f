"""Names that are too long, or have characters that no font has."""

from gv_jax.reporting.figures.fonts import ellipsize, replace_missing_glyphs, text_width


def test_ellipsize_keeps_start_and_end():
    short = ellipsize("minifigure_of_somebody_number_0012", 7, 1.0)
    assert text_width(short, 7) <= 1.0
    assert short.startswith("mini")
    assert short.endswith("0012")
    assert ellipsize("short", 7, 1.0) == "short"
    assert ellipsize("anything", 7, 0.0) == "…"


def test_missing_glyphs_become_numbered_boxes():
    missing = "\U000e0041"  # a tag character, which no font draws
    names = replace_missing_glyphs(["plain", missing, missing * 2])
    assert names == ["plain", "□ (no. 2)", "□□ (no. 3)"]
    assert replace_missing_glyphs(["e\u0301te\u0301", "a\n b"]) == ["été", "a b"]
