"""`gv-jax search`: mistakes are one line and status 2; metrics have their direction."""

import numpy as np
import optuna
import pytest
from safetensors.numpy import save_file

from gv_jax.search import runner

QUICKSTART = "--config=configs/quickstart.py"
COLOR = "--config=configs/colorize_quickstart.py"
SPACE = "--space=finetune"
RATES = "--space=momentum"
MINIMIZED = ("ciede2000", "mse", "mae", "flicker", "colorfulness_error", "loss")


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
        ([QUICKSTART, SPACE, "--metric=valid.acuracy"], ["'acuracy'", "'accuracy'"]),
        ([QUICKSTART, SPACE, "--metric=valid.ciede2000"], ["'ciede2000'", "macro_f1"]),
        ([COLOR, RATES, "--metric=valid.accuracy"], ["'accuracy'", "ciede2000"]),
        ([COLOR, RATES, "--metric=valid.colorfulness"], ["colorfulness", "valid.ciede2000"]),
        ([QUICKSTART, SPACE, "--method=bayes"], ["bayes", "tpe"]),
        ([QUICKSTART, SPACE, "surplus"], ["'surplus'"]),
    ],
)
def test_mistakes_are_one_line(command, words, names):
    done = command("search", *words)
    assert (done.status, done.out, done.err.count("\n")) == (2, "", 1)
    assert all(name in done.err for name in names)


@pytest.mark.parametrize(
    ("config", "metric", "direction"),
    [
        *[(COLOR, f"test.{name}", "MINIMIZE") for name in MINIMIZED],
        *[(COLOR, f"valid.{name}", "MAXIMIZE") for name in ("within_5", "psnr", "ssim")],
        (QUICKSTART, "valid.loss", "MINIMIZE"),
        (QUICKSTART, "valid.ece", "MINIMIZE"),
        (QUICKSTART, "valid.macro_f1", "MAXIMIZE"),
    ],
)
def test_metrics_have_their_direction(command, tmp_path, searches, config, metric, direction):
    words = (f"--metric={metric}", f"--results={tmp_path}", "--workers=1", "--folds=3")
    done = command("search", config, RATES, *words, "--config.data.size=(8,8)")
    assert "no trial completed" in done.err
    [search] = searches
    assert search.open().direction is optuna.study.StudyDirection[direction]
    assert (search.folds, search.overrides) == (3, {"data.size": "(8,8)"})
    assert search.folder.parent == tmp_path


@pytest.mark.parametrize(
    ("words", "metric"),
    [
        ([QUICKSTART], "valid.accuracy"),
        ([QUICKSTART, "--config.task=multi_label"], "valid.mean_average_precision"),
        ([COLOR], "valid.ciede2000"),
        (["--config=configs/super_resolution.py"], "valid.psnr"),
    ],
)
def test_the_main_metric_of_the_task_is_the_default(command, tmp_path, searches, words, metric):
    command("search", *words, RATES, f"--results={tmp_path}", "--workers=1")
    assert [search.metric for search in searches] == [metric]


@pytest.mark.parametrize("in_space", [False, True])
def test_a_restrictive_license_is_stated_once(command, tmp_path, searches, in_space):
    files = [tmp_path / "first.safetensors", tmp_path / "second.safetensors"]
    for file, license in zip(files, ("cc-by-nc-4.0", "mit"), strict=True):
        save_file({"a": np.zeros(1)}, file, {"license": license})
    space = tmp_path / "space.py"
    content = '"seed": Int(0, 9)' + f', "model.pretrained": Categorical({[*map(str, files)]})'
    content = content if in_space else content.partition(', "m')[0]
    space.write_text(f"from gv_jax.search.space import Categorical, Int\nSPACE = {{{content}}}\n")
    fields = ["--config.model.name=resnet18"]
    fields += [] if in_space else [f"--config.model.pretrained={files[0]}"]
    words = (f"--space={space}", *fields, f"--results={tmp_path}", "--workers=1")
    done = command("search", QUICKSTART, *words)
    assert len(searches) == 1, done.err
    (line,) = [line for line in done.out.splitlines() if "license" in line.lower()]
    assert "cc-by-nc-4.0" in line
    assert str(files[0]) in line


@pytest.fixture
def searches(monkeypatch):
    """The searches that a command would run."""
    found = []
    monkeypatch.setattr(runner, "run_trials", lambda search, *_: found.append(search))
    return found
