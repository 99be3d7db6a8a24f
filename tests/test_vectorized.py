"""Runs trained together are the runs that they would be by themselves."""

import json

import jax
import numpy as np
import pytest

from gv_jax import experiment, vectorized
from gv_jax.errors import UserError
from gv_jax.training.run_dir import RunDir
from gv_jax.vectorized import parse_runs, run_vectorized

SMALL = (
    "--config.model.name=two_layer",
    "--config.model.stem=",
    "--config.data.size=(8,8)",
    "--config.train.epochs=3",
    "--config.train.batch_size=16",
    "--config.optimizer.name=sgd",
    "--config.optimizer.learning_rate=0.01",
)
# of ml_collections, where it reads a config file
pytestmark = pytest.mark.filterwarnings("ignore:the load_module:DeprecationWarning")

MEMBERS = {
    "first": (),
    "seed": ("--config.seed=1",),
    "numbers": (
        "--config.optimizer.weight_decay=0.3",
        "--config.model.dropout=0.1",
        "--config.optimizer.learning_rate=1e-3",
    ),
    "smooth": ("--config.augment.label_smoothing=0.4",),
    "undecayed": ("--config.optimizer.weight_decay=0",),
    "diverges": ("--config.optimizer.learning_rate=1e30",),
}


@pytest.fixture(autouse=True)
def as_in_use():
    """A run that diverges has NaNs, and Optax promotes integers."""
    with jax.numpy_dtype_promotion("standard"), jax.debug_nans(False):
        yield


def words(place, shapes, names):
    shared = (
        f"--config=configs/folder.py:{shapes}",
        f"--config.data.root={place.parent / 'root'}",
        *SMALL,
    )
    runs = [[f"--workdir={place / name}", *shared, *MEMBERS[name]] for name in names]
    return [
        word
        for number, arguments in enumerate(runs)
        for word in (["--and"] if number else []) + arguments
    ]


@pytest.fixture(scope="module")
def done(tmp_path_factory, shapes):
    place = tmp_path_factory.mktemp("together") / "runs"
    with jax.numpy_dtype_promotion("standard"), jax.debug_nans(False):
        said = run_vectorized(parse_runs(words(place, shapes, MEMBERS)))
    return place, dict(zip(MEMBERS, said, strict=True))


def losses(folder):
    return [row["loss"] for row in RunDir(folder).rows()]


@pytest.mark.parametrize("name", ["seed", "numbers", "smooth"])
def test_a_member_is_the_run_that_it_would_be_alone(done, shapes, tmp_path, name):
    place, said = done
    (member,) = parse_runs(words(tmp_path / "alone", shapes, [name]))
    experiment.run(member.config, member.workdir)
    np.testing.assert_allclose(losses(place / name), losses(member.workdir), rtol=1e-3)
    found, expected = (RunDir(folder).results for folder in (place / name, member.workdir))
    assert found["training"] == {**expected["training"], "together": 5}
    assert found["test"]["loss"] == pytest.approx(expected["test"]["loss"], rel=1e-3)
    ours, theirs = (
        json.loads((folder / "config.json").read_text())
        for folder in (place / name, member.workdir)
    )
    assert ours["config"]["optimizer"] == theirs["config"]["optimizer"]
    assert f"--workdir={place / name}" in ours["command"]
    assert "of the test split" in said[name]


def test_members_differ(done):
    place, _ = done
    ends = [losses(place / name)[-1] for name in MEMBERS if name != "diverges"]
    assert len({round(end, 5) for end in ends}) == len(ends)


def test_one_that_needs_another_optimizer_state_runs_by_itself(done):
    place, _ = done
    assert "together" not in RunDir(place / "undecayed").results["training"]


def test_one_that_diverges_is_left_behind(done):
    place, said = done
    assert "no longer finite" in said["diverges"] or "not finite" in said["diverges"]
    assert not RunDir(place / "diverges").finished


def test_started_again_it_leaves_what_is_finished(done, shapes):
    place, _ = done
    before = (place / "seed" / "results.json").stat().st_mtime_ns
    said = run_vectorized(parse_runs(words(place, shapes, ["first", "seed"])))
    assert all("finished already" in line for line in said)
    assert (place / "seed" / "results.json").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    "line",
    [
        "--config=configs/quickstart.py",
        "--workdir=a --config=configs/none.py",
        "--workdir=a --config=configs/quickstart.py --config.seeed=1",
        "--workdir=a --config=configs/quickstart.py --and --workdir=a --config=configs/quickstart.py",
    ],
)
def test_mistakes_are_told(line):
    with pytest.raises(UserError):
        parse_runs(line.split())


def test_main_tells_mistakes_in_one_line(capsys):
    with pytest.raises(SystemExit) as stop:
        vectorized.run_vectorized_command(["--config=configs/quickstart.py"])
    assert stop.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1
