import optuna
import pytest

from gv_jax.errors import UserError
from gv_jax.search.space import Categorical, Float, Int, grid_points, load_space, suggest_fields

SPACE = {
    "a": Float(1e-4, 1e-2, log=True),
    "b": Categorical(((), ("stem",))),
    "c": Int(2, 5, steps=2),
}


def test_grid_is_every_combination():
    points = grid_points(SPACE)
    assert len(points) == 3 * 2 * 2
    assert [point["a"] for point in points[::4]] == pytest.approx([1e-4, 1e-3, 1e-2])
    assert points[0]["b"] == "()"
    assert {point["c"] for point in points} == {2, 5}


def test_linear_values_and_a_single_one():
    assert Float(0.0, 1.0, steps=5).grid_values() == [0, 0.25, 0.5, 0.75, 1]
    assert Float(0.5, 1.0, steps=1).grid_values() == [0.5]


def test_values_come_back_as_they_were_given():
    params = {"a": 1e-3, "b": "('stem',)", "c": 4}
    assert suggest_fields(optuna.trial.FixedTrial(params), SPACE) == {
        "a": 1e-3,
        "b": ("stem",),
        "c": 4,
    }


def test_drawn_values_are_in_range():
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(20):
        values = suggest_fields(study.ask(), SPACE)
        assert 1e-4 <= values["a"] <= 1e-2
        assert values["b"] in ((), ("stem",))
        assert values["c"] in range(2, 6)


def test_every_space_here_can_be_read():
    for name in ("finetune", "minifigures", "momentum"):
        assert grid_points(load_space(name))


@pytest.mark.parametrize(
    ("text", "value"),
    [("SPACE = {}", "SPACE"), ("SPACE = {'a': 3}", "a is 3"), ("", "SPACE")],
)
def test_mistakes_in_a_file(tmp_path, text, value):
    file = tmp_path / "space.py"
    file.write_text(text)
    with pytest.raises(UserError, match=value):
        load_space(str(file))


def test_empty_ranges_and_unknown_names(tmp_path):
    file = tmp_path / "space.py"
    file.write_text(
        "from gv_jax.search.space import Float\nSPACE = {'a': Float(0.0, 1.0, log=True)}"
    )
    with pytest.raises(UserError, match=r"a is Float\(low=0.0"):
        load_space(str(file))
    with pytest.raises(UserError, match="'finetune'"):
        load_space("finetun")
