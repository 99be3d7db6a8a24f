"""Tables and report of a finished ablation, against numbers worked out by hand."""

import csv
import re

import pytest

from gv_jax.ablation.comparison import compare_variants
from gv_jax.ablation.report import sort_by_metric, write_ablation_report
from gv_jax.errors import UserError


def read_table(ablation):
    """Variant -> its row of table.csv."""
    rows = csv.DictReader((ablation.folder / "table.csv").read_text().splitlines())
    return {row["variant"]: row for row in rows}


def test_table_and_page(make_ablation):
    ablation = make_ablation()
    write_ablation_report(ablation)
    rows = read_table(ablation)
    assert list(rows) == ["plain", "wide", "broken"]
    assert [rows[name]["seeds"] for name in rows] == ["2", "2", "0"]
    assert [rows[name]["failed"] for name in rows] == ["0", "0", "2"]
    wide = rows["wide"]
    assert wide["metric"] == "test.accuracy"
    assert wide["per_seed"] == "0.75 1.0"
    assert float(wide["mean"]) == 0.875
    assert float(wide["std"]) == pytest.approx(0.125 * 2**0.5)
    assert (float(wide["low"]), float(wide["high"])) == (0.0, 1.0)  # 0.875 ± 12.7 * 0.125
    assert (float(wide["low_seeds"]), float(wide["high_seeds"])) == (-1.0, 1.0)
    assert float(wide["difference_seeds"]) == float(wide["difference_images"]) == 0.375
    assert [rows[name]["reference"] for name in rows] == ["", "plain", "plain"]
    assert rows["plain"]["difference_seeds"] == rows["plain"]["difference_images"] == ""
    assert (wide["parameters"], wide["train_seconds"]) == ("1234", "3.5")
    assert float(wide["images_per_second"]) == 32.0  # 2 * 14 * 8 images in 3 s + 4 s

    page = ablation.report.read_text()
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page)
    figures = {file.stem for file in (ablation.folder / "figures").iterdir()}
    curves = {"curve_valid_accuracy", "curve_valid_macro_f1", "curve_train_loss"}
    assert {"scores", "differences", "classes", "confusion_wide", *curves} <= figures
    assert page.count("<img") == len(figures)
    assert "broken, seed 0" in page
    assert "config.data.fold=7" in page
    assert "baseline: majority class" in (ablation.folder / "table.md").read_text()


def test_every_variant_can_have_a_reference_of_its_own(make_ablation, monkeypatch):
    correct = {"small": (1, 2), "small_long": (3, 2), "large": (3, 2), "large_long": (3, 3)}
    monkeypatch.setattr(
        "tests.ablation.conftest.CORRECT",
        {(name, seed): counts[seed] for name, counts in correct.items() for seed in range(2)},
    )
    references = {"small_long": "small", "large_long": "large"}
    ablation = make_ablation(variants={name: {} for name in correct}, references=references)
    write_ablation_report(ablation)
    rows = read_table(ablation)
    assert {name: row["reference"] for name, row in rows.items()} == {
        "small": "",
        "small_long": "small",
        "large": "",
        "large_long": "large",
    }
    for kind in ("difference_seeds", "difference_images"):
        assert [rows[name][kind] for name in rows] == ["", "0.25", "", "0.125"]
    assert float(rows["small_long"]["p_holm_seeds"]) == 1.0  # 0.5 and 0.5, of two comparisons
    text = (ablation.folder / "table.md").read_text()
    assert "| small_long vs. small | +25.0 " in text
    assert "| large_long vs. large | +12.5 " in text
    assert "2 comparisons" in text
    figures = {file.stem for file in (ablation.folder / "figures").iterdir()}
    assert {"differences", "classes"} <= figures


def test_another_metric(make_ablation):
    ablation = make_ablation(metric="valid.macro_f1")
    write_ablation_report(ablation)
    assert read_table(ablation)["wide"]["per_seed"] == "0.375 0.5"
    assert "valid images" in (ablation.folder / "table.md").read_text()


@pytest.mark.parametrize(
    ("metric", "value"), [("valid.accurac", "'accuracy'"), ("train.accuracy", "--metric=test")]
)
def test_unknown_metrics_are_named(make_ablation, metric, value):
    with pytest.raises(UserError, match=value):
        compare_variants(make_ablation(metric=metric))


@pytest.mark.parametrize(("seeds", "noted"), [(2, True), (3, False)])
def test_few_seeds_are_noted(make_ablation, monkeypatch, seeds, noted):
    correct = {(name, seed): 2 for name in ("plain", "wide") for seed in range(seeds)}
    monkeypatch.setattr("tests.ablation.conftest.CORRECT", correct)
    ablation = make_ablation(seeds=seeds)
    write_ablation_report(ablation)
    assert ("--seeds=3" in (ablation.folder / "table.md").read_text()) == noted
    assert ("--seeds=3" in ablation.report.read_text()) == noted


def test_an_interval_outside_a_fraction_is_not_clipped(make_ablation):
    ablation = make_ablation(metric="test.loss")
    write_ablation_report(ablation)
    wide = read_table(ablation)["wide"]
    half_width = 12.706205 * 0.125
    bounds = (1.125 - half_width, 1.125 + half_width)
    assert (float(wide["low"]), float(wide["high"])) == pytest.approx(bounds)


def test_the_best_variant_is_first(make_ablation):
    variants = compare_variants(make_ablation())
    for metric, best in (("accuracy", "wide"), ("ciede2000", "plain")):
        assert sort_by_metric(variants, metric)[0].name == best


def test_a_run_of_another_configuration_is_not_used(make_ablation):
    make_ablation()
    ablation = make_ablation(overrides={"optimizer.learning_rate": "0.01"})
    assert ablation.finished == []
    assert all(run.ended for run in ablation.runs)
    assert "optimizer.learning_rate" in ablation.runs[0].failure
