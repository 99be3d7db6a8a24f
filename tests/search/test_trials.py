"""The trials of a search: storage, commands, leases."""

import pytest

from gv_jax.errors import UserError
from gv_jax.search.scheduler import Scheduler
from tests.search.stub import make_search


def test_another_search_in_the_folder_is_refused(tmp_path):
    make_search(tmp_path).open()
    with pytest.raises(UserError, match="another folds"):
        make_search(tmp_path, folds=3).open()


@pytest.mark.parametrize(
    ("metric", "direction"),
    [("test.ciede2000", "minimize"), ("valid.psnr", "maximize"), ("valid.loss", "minimize")],
)
def test_direction_follows_the_metric(metric, direction, tmp_path):
    study = make_search(tmp_path, metric=metric).open()
    assert study.direction.name.lower() == direction


def test_a_trial_has_a_run_per_fold(tmp_path):
    search = make_search(tmp_path, folds=2, overrides={"seed": "7"})
    runs = search.make_runs(3, {"a": 1})
    assert [run.path for run in runs] == [search.trial_dir(3) / f"fold{fold}" for fold in (0, 1)]
    assert runs[1].fields == {"seed": "7", "a": 1, "data.folds": 2, "data.fold": 1}
    assert runs[1].job.name == "00003-fold1"
    command = "gv-jax train --config=configs/quickstart.py --config.seed=7 --config.a=1"
    assert search.shell_command({"a": 1}) == command


def test_a_trial_has_one_process_and_a_released_one_is_resumed(tmp_path):
    search = make_search(tmp_path)
    one, two = Scheduler(search, search.open()), Scheduler(search, search.open())
    first, second = one.next_trial(), two.next_trial()
    assert (first.trial.number, second.trial.number) == (0, 1)
    one.release(first)
    again = two.next_trial()
    assert (again.trial.number, again.values) == (0, first.values)
    assert one.next_trial().trial.number == 2
    two.release(again)
    two.release(second)
