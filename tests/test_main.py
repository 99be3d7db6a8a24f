"""The command line: what a person can type wrong is one line and status 2."""

import subprocess
import sys

import pytest

QUICK = "--config=configs/quickstart.py"


def command(*words: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "gv_jax.main", *words], capture_output=True, text=True
    )


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ([], "give --config=FILE"),
        (["--config=configs/none.py"], "no config file configs/none.py"),
        (["--config=configs/folder.py"], "configs/folder.py:PATH"),
        ([QUICK, "--config.train.epoch=3"], "did you mean 'epochs'?"),
        ([QUICK, "--config.trian.epochs=3"], "did you mean 'train'?"),
        ([QUICK, "--config.train.epochs=1.5"], "--config.train.epochs=1.5"),
        ([QUICK, "--config.train.epochs=0"], "config.train.epochs is 0"),
        ([QUICK, "--config.model.name=resnet43"], "did you mean 'resnet34'?"),
        ([QUICK, "--config.model.stem=small"], "stem"),
        ([QUICK, "--config.model.dtype=float16"], "bfloat16"),
        ([QUICK, "--config.data.name=dungeon_tile"], "did you mean 'dungeon_tiles'?"),
        ([QUICK, "--config.data.mean=(1,2)"], "config.data.mean has 2 numbers"),
        ([QUICK, "--config.optimizer.name=adamm"], "did you mean 'adam'?"),
        ([QUICK, "--config.optimizer.schedule=cosin"], "did you mean 'cosine'?"),
        ([QUICK, "--config.optimizer.learning_rate=0.0"], "must be 1e-12 or more"),
        ([QUICK, "--config.augment.flip=2.0"], "flip"),
        (
            [QUICK, "--config.finetune.freeze=('stem',)"],
            "no stage (config.finetune.freeze) is called 'stem'",
        ),
        ([QUICK, "--config.data.folds=1"], "take 2 folds or more"),
        ([QUICK, "--config.probe.method=rigde"], "did you mean 'ridge'?"),
        ([QUICK, "--config.tta.shift=-1"], "config.tta.shift is -1"),
        ([QUICK, "--workdri=x"], "did you mean 'workdir'?"),
        ([QUICK, "--mode=tarin"], "train|probe|evaluate|summary"),
        ([QUICK, "surplus"], "'surplus' is no flag"),
        ([QUICK, "--mode=evaluate", "--workdir=/nowhere/at/all"], "holds no finished run"),
    ],
)
def test_mistakes_are_one_line_and_status_2(words, answer, tmp_path):
    if not any(word.startswith("--workdir") for word in words):
        words = [*words, f"--workdir={tmp_path / 'run'}"]
    done = command(*words)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1, done.stderr
    assert answer in done.stderr
    assert not done.stdout
    assert not (tmp_path / "run").exists()


def test_help_needs_no_jax():
    script = """
import runpy, sys
sys.argv = ["main", "--help"]
try:
    runpy.run_module("gv_jax.main", run_name="__main__")
except SystemExit:
    assert not {"jax", "numpy", "flax"} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "--workdir" in done.stdout


def test_summary_prints_the_seeds_table_without_any_picture(tmp_path):
    done = command(
        "--config=configs/n64_textures.py", "--mode=summary", "--config.model.name=resnet34"
    )
    assert "Total parameters: 21,312,527" in done.stdout
    assert "Trained: 21,295,503" in done.stdout
    assert "Not trained: 17,024" in done.stdout
