"""The flags that select an engine."""

import argparse
import sys

import pytest

from gv_jax.errors import UserError
from gv_jax.jobs.engine import ENGINES, add_engine_flags, make_engine
from gv_jax.jobs.local import LocalEngine


def parse(*arguments):
    parser = argparse.ArgumentParser()
    add_engine_flags(parser)
    return parser.parse_args(arguments)


def test_this_machine_is_the_default(tmp_path):
    engine = make_engine(parse("--workers=3"), tmp_path, num_jobs=8)
    assert isinstance(engine, LocalEngine)
    assert engine.free_slots == 3


def test_slurm_parameters_are_passed_to_submitit(tmp_path):
    pytest.importorskip("submitit")
    words = ("--slurm=cluster=local", "--slurm=time=5", "--slurm=partition=gpu", "--gpus=1")
    engine = make_engine(parse("--engine=slurm", *words), tmp_path, num_jobs=8)
    parameters = engine._executor._executor.parameters
    assert (parameters["timeout_min"], parameters["gpus_per_node"]) == (5, 1)


@pytest.mark.parametrize("name", ["ray", "slurm"])
def test_a_missing_extra_is_named(tmp_path, monkeypatch, name):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(UserError, match=rf"pip install 'gv_jax\[{name}\]'"):
        make_engine(parse(f"--engine={name}"), tmp_path, num_jobs=1)


def test_slurm_has_no_fraction_of_a_gpu(tmp_path):
    with pytest.raises(UserError, match=r"--gpus=0\.5"):
        make_engine(parse("--engine=slurm", "--gpus=0.5"), tmp_path, num_jobs=1)


@pytest.mark.parametrize("word", ["--engine=dask", "--workers=-1", "--slurm=partition", "--cpus=x"])
def test_mistakes_end_with_status_2(word, capsys):
    with pytest.raises(SystemExit) as end:
        parse(word)
    assert end.value.code == 2
    assert word.partition("=")[2] in capsys.readouterr().err
    assert set(ENGINES) == {"local", "ray", "slurm"}
