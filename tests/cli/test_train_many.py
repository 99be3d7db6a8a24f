"""`gv-jax train-many`: runs are separated by --and; mistakes are one line and status 2."""

import numpy as np
import pytest
from safetensors.numpy import save_file

from gv_jax import vectorized
from gv_jax.training.fit import InterruptedRun

QUICKSTART = "--config=configs/quickstart.py"


def test_every_run_has_its_own_arguments(command, monkeypatch, tmp_path):
    members = []
    monkeypatch.setattr(vectorized, "run_members", lambda runs: members.extend(runs) or ["a", "b"])
    first = [f"--workdir={tmp_path / 'first'}", QUICKSTART]
    second = [f"--workdir={tmp_path / 'second'}", QUICKSTART, "--config.seed=1"]
    done = command("train-many", *first, "--and", *second)
    assert (done.status, done.out) == (0, "a\nb\n")
    assert [member.workdir for member in members] == [tmp_path / "first", tmp_path / "second"]
    assert [member.config.seed for member in members] == [0, 1]
    assert [list(member.arguments) for member in members] == [first, second]


def test_a_restrictive_license_of_several_runs_is_stated_once(command, monkeypatch, tmp_path):
    monkeypatch.setattr(vectorized, "run_members", lambda runs: ["a", "b"])
    weights = tmp_path / "weights.safetensors"
    save_file({"a": np.zeros(1)}, weights, {"license": "cc-by-nc-4.0"})
    fields = ["--config.model.name=resnet18", f"--config.model.pretrained={weights}"]
    runs = [[f"--workdir={tmp_path / name}", QUICKSTART, *fields] for name in ("first", "second")]
    done = command("train-many", *runs[0], "--and", *runs[1])
    remark, *lines = done.out.splitlines()
    assert "cc-by-nc-4.0" in remark
    assert lines == ["a", "b"]


def test_interrupted_runs_are_status_130(command, monkeypatch, tmp_path):
    def interrupt(_):
        raise InterruptedRun("at step 3")

    monkeypatch.setattr(vectorized, "run_members", interrupt)
    done = command("train-many", f"--workdir={tmp_path / 'run'}", QUICKSTART)
    assert done.status == 130
    assert "state saved" in done.out


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ([QUICKSTART], ["--workdir"]),
        (["--workdir=a", "--config=configs/none.py"], ["configs/none.py"]),
        (["--workdir=a", QUICKSTART, "--config.seeed=1"], ["'seeed'", "'seed'"]),
        (["--workdir=a", QUICKSTART, "--and", "--workdir=a", QUICKSTART], ["--workdir"]),
    ],
)
def test_mistakes_are_one_line(command, words, names):
    done = command("train-many", *words)
    assert (done.status, done.out, done.err.count("\n")) == (2, "", 1)
    assert all(name in done.err for name in names)
