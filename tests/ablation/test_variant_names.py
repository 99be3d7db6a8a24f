"""Names of variants: any printable text, in tables and as names of files."""

import pytest

from gv_jax.ablation.report import write_ablation_report
from gv_jax.ablation.study import file_stem

NAMES = ("half/rate", "ü|pipe", "..", "-x", "$a$", "<b>", "con:1", "a" * 300, "日本", " b ")


@pytest.mark.parametrize("name", NAMES)
def test_a_stem_is_one_safe_part_of_a_path(name):
    stem = file_stem(name)
    assert stem.isascii()
    assert not set(stem) & set('/\\:*?"<>| ')
    assert 0 < len(stem) <= 80
    assert not stem.startswith((".", "-"))


def test_stems_of_different_names_differ():
    names = [*NAMES, "half_rate", "half rate", "half|rate"]
    assert len(set(map(file_stem, names))) == len(names)


@pytest.mark.parametrize("name", ["plain", "low_rate", "x2.5", "A-b"])
def test_a_safe_name_is_its_own_stem(name):
    assert file_stem(name) == name


def test_an_ablation_of_such_names_has_a_report(make_ablation, monkeypatch):
    names = {"plain": "half/rate", "wide": "ü|pipe"}
    monkeypatch.setattr(
        "tests.ablation.conftest.CORRECT",
        {("half/rate", 0): 2, ("half/rate", 1): 2, ("ü|pipe", 0): 3, ("ü|pipe", 1): 4},
        raising=False,
    )
    variants = {names["plain"]: {}, names["wide"]: {"model.dropout": 0.5}}
    ablation = make_ablation(variants=variants, references={"ü|pipe": "half/rate"})
    write_ablation_report(ablation)
    lines = (ablation.folder / "table.md").read_text().splitlines()
    (row,) = [line for line in lines if line.startswith("| ü") and "[" in line][:1]
    header = lines[lines.index(next(line for line in lines if line.startswith("| Variant")))]
    assert row.replace(r"\|", "").count("|") == header.count("|")
    figures = {file.name for file in (ablation.folder / "figures").iterdir()}
    assert {f"confusion_{file_stem(name)}.png" for name in variants} <= figures
