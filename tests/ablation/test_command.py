"""The command line of an ablation."""

from gv_jax.ablation.command import conflicting_overrides


def test_a_field_of_the_command_line_that_variants_set_too_is_told():
    variants = {"short": {}, "long": {"train.epochs": 40}, "longer": {"train.epochs": 80}}
    (line,) = conflicting_overrides(variants, {"train.epochs": "3", "seed": "1"})
    assert "--config.train.epochs" in line
    assert "long, longer" in line
    assert "short" not in line
    assert not conflicting_overrides(variants, {"seed": "1"})
