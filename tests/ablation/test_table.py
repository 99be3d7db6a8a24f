"""The table of a study."""

from gv_jax.ablation.table import baseline_rows


def test_floors_that_differ_have_a_line_each_with_their_variants():
    same = {"plain": ("majority class", 0.25), "mixed": ("majority class", 0.2500001)}
    assert baseline_rows("accuracy", same) == {"floor: majority class": "25.0%"}
    apart = baseline_rows("accuracy", {**same, "cropped": ("majority class", 0.5)})
    assert apart == {
        "floor: majority class (plain, mixed)": "25.0%",
        "floor: majority class (cropped)": "50.0%",
    }
