"""`gv-jax search`: mistakes are one line and status 2; metrics have their direction."""

import optuna
import pytest

from gv_jax.search import runner

QUICKSTART = "--config=configs/quickstart.py"
SPACE = "--space=finetune"


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ([QUICKSTART, "--space=finetun"], ["'finetun'", "'finetune'"]),
        (["--config=configs/none.py", SPACE], ["configs/none.py"]),
        ([SPACE], ["--config"]),
        ([QUICKSTART], ["--space"]),
        ([QUICKSTART, SPACE, "--config.trian.epochs=3"], ["'trian'", "'train'"]),
        ([QUICKSTART, SPACE, "--folds=1"], ["--folds"]),
        ([QUICKSTART, SPACE, "--trials=0"], ["--trials"]),
        ([QUICKSTART, SPACE, "--metric=accuracy"], ["--metric=accuracy", "valid.accuracy"]),
        ([QUICKSTART, SPACE, "--method=bayes"], ["bayes", "tpe"]),
        ([QUICKSTART, SPACE, "surplus"], ["'surplus'"]),
    ],
)
def test_mistakes_are_one_line(command, words, names):
    done = command("search", *words)
    assert (done.status, done.out, done.err.count("\n")) == (2, "", 1)
    assert all(name in done.err for name in names)


@pytest.mark.parametrize(
    ("metric", "direction"),
    [("test.ciede2000", "MINIMIZE"), ("valid.loss", "MINIMIZE"), ("valid.psnr", "MAXIMIZE")],
)
def test_metrics_have_their_direction(command, tmp_path, monkeypatch, metric, direction):
    searches = []
    monkeypatch.setattr(runner, "run_trials", lambda search, *_: searches.append(search))
    words = (f"--metric={metric}", f"--results={tmp_path}", "--workers=1", "--folds=3")
    done = command("search", QUICKSTART, SPACE, *words, "--config.data.size=(8,8)")
    assert "no trial completed" in done.err
    [search] = searches
    assert search.open().direction is optuna.study.StudyDirection[direction]
    assert (search.folds, search.overrides) == (3, {"data.size": "(8,8)"})
    assert search.folder == tmp_path / "search-quickstart-finetune"
