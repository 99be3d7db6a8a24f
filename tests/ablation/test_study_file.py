"""Files of experiments/."""

import pytest

from gv_jax.ablation.study_file import conflicting_overrides, read_study_file
from gv_jax.errors import UserError

STUDY = '''"""Do larger steps help?"""

CONFIG = "configs/quickstart.py"
VARIANTS = {"plain": {}, "fast": {"optimizer.learning_rate": 3e-3}}
REFERENCE = "plain"
'''


def test_optional_constants_have_defaults(tmp_path):
    file = tmp_path / "steps.py"
    file.write_text(STUDY)
    study = read_study_file(str(file))
    assert (study.name, study.description) == ("steps", "Do larger steps help?")
    assert (study.seeds, study.metric, study.smoke) == (3, "", {})
    file.write_text(STUDY + 'SEEDS = 5\nMETRIC = "valid.loss"\nSMOKE = {"seed": 1}\n')
    study = read_study_file(str(file))
    assert (study.seeds, study.metric, study.smoke) == (5, "valid.loss", {"seed": 1})


@pytest.mark.parametrize(
    ("old", "new", "value"),
    [
        ('"""Do larger steps help?"""', "", "docstring"),
        ("CONFIG", "CONFIGS", "CONFIG"),
        ("REFERENCE", "BASE", "REFERENCE"),
        ('= "plain"', '= "plian"', "'plain'"),
        ("{}", "3", "VARIANTS"),
        ('"fast": {', "1: {", "variant 1 "),
        ('"fast": {', '"": {', "variant ''"),
        ('"fast": {', '"two\\nlines": {', r"variant 'two\\nlines'"),
    ],
)
def test_mistakes_are_named(tmp_path, old, new, value):
    file = tmp_path / "steps.py"
    file.write_text(STUDY.replace(old, new))
    with pytest.raises(UserError, match=value) as error:
        read_study_file(str(file))
    assert "steps.py" in str(error.value)


@pytest.mark.parametrize(
    ("reference", "references"),
    [('"plain"', {"fast": "plain"}), ('{"plain": "fast"}', {"plain": "fast"})],
)
def test_one_reference_or_one_of_each_variant(tmp_path, reference, references):
    file = tmp_path / "steps.py"
    file.write_text(STUDY.replace('= "plain"', f"= {reference}"))
    assert read_study_file(str(file)).references == references


@pytest.mark.parametrize(
    ("reference", "value"),
    [
        ('{"fast": "plian"}', "'plian'.*'plain'"),
        ('{"fats": "plain"}', "'fats'.*'fast'"),
        ('{"fast": "fast"}', "'fast' with itself"),
        ('["plain"]', "plain"),
    ],
)
def test_mistakes_in_references_are_named(tmp_path, reference, value):
    file = tmp_path / "steps.py"
    file.write_text(STUDY.replace('= "plain"', f"= {reference}"))
    with pytest.raises(UserError, match=value) as error:
        read_study_file(str(file))
    assert "steps.py" in str(error.value)


def test_overridden_values_of_variants_are_listed():
    variants = {"short": {}, "long": {"train.epochs": 40}, "longer": {"train.epochs": 80}}
    conflicts = conflicting_overrides(variants, {"train.epochs": "3", "seed": "1"})
    assert conflicts == {"train.epochs": ["long", "longer"]}
