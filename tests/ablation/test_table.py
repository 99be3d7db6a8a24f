"""The table of an ablation."""

from gv_jax.ablation.table import baseline_rows


def test_distinct_baselines_have_rows_that_name_their_variants():
    same = {"plain": ("majority class", 0.25), "mixed": ("majority class", 0.2500001)}
    assert baseline_rows("accuracy", same) == {"baseline: majority class": "25.0 %"}
    different = baseline_rows("accuracy", {**same, "cropped": ("majority class", 0.5)})
    assert different == {
        "baseline: majority class (plain, mixed)": "25.0 %",
        "baseline: majority class (cropped)": "50.0 %",
    }
