"""What can be typed wrong is one line and status 2; what is right is read as it was meant."""

import sys

import pytest

from gv_jax.search import command

QUICK = "--config=configs/quickstart.py"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([QUICK, "--space=finetun"], "did you mean 'finetune'?"),
        (["--config=configs/none.py", "--space=finetune"], "no config file configs/none.py"),
        ([QUICK, "--space=finetune", "--config.trian.epochs=3"], "did you mean 'train'?"),
        ([QUICK, "--space=finetune", "--folds=1"], "--folds 0, or 2 and more"),
        ([QUICK, "--space=finetune", "--metric=accuracy"], "give split and name"),
        ([QUICK, "--space=finetune", "surplus"], "unknown argument surplus"),
        ([QUICK], "--space"),
    ],
)
def test_mistakes(words, said, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["search", *words])
    with pytest.raises(SystemExit) as ended:
        command.run_search_command()
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_fields_of_every_trial_are_kept_as_typed(monkeypatch):
    words = [
        QUICK,
        "--space=finetune",
        "--folds=3",
        "--config.train.epochs=4",
        "--config.data.size=(8,8)",
    ]
    monkeypatch.setattr(sys, "argv", ["search", *words])
    options, common = command.parse_search()
    assert (options.folds, options.metric, options.method) == (3, "valid.accuracy", "tpe")
    assert common == {"train.epochs": "4", "data.size": "(8,8)"}
