"""`gv-jax ablate`: mistakes are one line and status 2."""

import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import save_file

from gv_jax.ablation import runner

STUDY = "experiments/textures.py"


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ([], ["FILE"]),
        (["experiments/none.py"], ["experiments/none.py"]),
        (["configs/quickstart.py"], ["configs/quickstart.py", "CONFIG"]),
        ([STUDY, "--population=0"], ["--population"]),
        ([STUDY, "--seeds=0"], ["--seeds"]),
        ([STUDY, "--seeds=-1"], ["--seeds", "'-1'"]),
        ([STUDY, "--metric=accuracy"], ["--metric=accuracy", "test.accuracy"]),
        ([STUDY, "--metric=tset.accuracy"], ["--metric=tset.accuracy"]),
        ([STUDY, "--metric=test.acuracy"], ["'acuracy'", "'accuracy'", "classification"]),
        ([STUDY, "--metric=test.ciede2000"], ["'ciede2000'", "classification"]),
        ([STUDY, "--engine=dask"], ["dask", "slurm"]),
        ([STUDY, "--confg.seed=1"], ["'confg.seed'"]),
        ([STUDY, "--config.trian.epochs=1"], ["'trian'", "'train'"]),
    ],
)
def test_mistakes_are_one_line(command, words, names):
    done = command("ablate", *words)
    assert (done.status, done.out, done.err.count("\n")) == (2, "", 1)
    assert all(name in done.err for name in names)


def test_a_field_of_the_command_line_that_variants_set_is_noted(command, tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "run_missing", lambda *_: False)
    file = tmp_path / "rates.py"
    file.write_text(
        '"""Which rate?"""\nCONFIG = "configs/quickstart.py"\nREFERENCE = "low"\n'
        'VARIANTS = {"low": {}, "high": {"optimizer.learning_rate": 1e-2}}\n'
    )
    words = ("--config.optimizer.learning_rate=0.1", f"--results={tmp_path}", "--workers=1")
    done = command("ablate", file, *words)
    assert (done.status, done.out.count("\n")) == (2, 1)
    assert "--config.optimizer.learning_rate" in done.out
    assert "high" in done.out
    assert "low" not in done.out


def test_a_restrictive_license_of_several_variants_is_stated_once(command, tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "run_missing", lambda *_: False)
    weights, file = tmp_path / "weights.safetensors", tmp_path / "study.py"
    save_file({"a": np.zeros(1)}, weights, {"license": "cc-by-nc-4.0"})
    variant = {"model.name": "resnet18", "model.pretrained": str(weights)}
    variants = {
        "scratch": {"model.name": "resnet18"},
        "a": variant,
        "b": {**variant, "optimizer.learning_rate": 1e-2},
        "missing": {**variant, "model.pretrained": "nowhere.safetensors"},  # which its run reports
    }
    file.write_text(
        f'"""Why?"""\nCONFIG = "configs/quickstart.py"\nREFERENCE = "a"\nVARIANTS = {variants}\n'
    )
    done = command("ablate", file, f"--results={tmp_path}", "--workers=1")
    assert done.out.count("cc-by-nc-4.0") == done.out.count("\n") == 1


def test_the_config_file_is_executed_once(command, tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "run_missing", lambda *_: False)
    config, study, log = (tmp_path / name for name in ("config.py", "study.py", "log.txt"))
    config.write_text(
        "from gv_jax.config import default\n"
        "def get_config():\n"
        f"    with open({str(log)!r}, 'a') as file:\n        file.write('x')\n"
        "    return default.get_config()\n"
    )
    study.write_text(
        f'"""Which?"""\nCONFIG, REFERENCE, VARIANTS = {str(config)!r}, "low", {{"low": {{}}}}\n'
    )
    assert command("ablate", study, f"--results={tmp_path}", "--workers=1").status == 2
    assert log.read_text() == "x"


def test_nothing_heavy_is_imported():
    code = (
        "import sys; from gv_jax.cli import ablate, search; ablate.make_ablate_parser(); "
        "search.make_search_parser(); "
        "print({'jax', 'matplotlib', 'optuna', 'ray'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
