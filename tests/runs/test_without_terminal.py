"""Commands called from another program: absl flags are parsed, and there is no terminal."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import sys
from absl import flags

flags.DEFINE_string("config", "", "a flag of the other program")
flags.DEFINE_string("workdir", "", "another one")
flags.FLAGS(["program", "--config=other.py"])

{call}
"""
CALLS = {
    "main": "sys.argv[0] = 'gv_jax'; from gv_jax.main import main; main()",
    "notebook": "from gv_jax.notebook import run; assert run('train', *sys.argv[1:]) == 0",
}


@pytest.mark.slow
@pytest.mark.parametrize("call", CALLS)
def test_training_ignores_parsed_flags_and_needs_no_terminal(call, shapes, tmp_path):
    words = [
        f"--config=configs/folder.py:{shapes}",
        f"--workdir={tmp_path / 'run'}",
        f"--config.data.root={tmp_path / 'data'}",
        "--config.data.size=16x16",
        "--config.data.valid_fraction=0.2",
        "--config.data.test_fraction=0.2",
        "--config.model.name=two_layer",
        "--config.train.batch_size=16",
        "--config.train.epochs=1",
    ]
    environment = {
        key: value for key, value in os.environ.items() if key not in ("TERM", "COLUMNS")
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(call=CALLS[call]), *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env={**environment, "PYTHONPATH": str(Path.cwd())},
        start_new_session=True,  # without a controlling terminal
    )
    assert done.returncode == 0, done.stderr
    assert "Test accuracy" in done.stdout
    assert "Traceback" not in done.stderr
    assert json.loads((tmp_path / "run" / "results.json").read_text())["task"] == "classification"
    assert (tmp_path / "run" / "report.html").is_file()
