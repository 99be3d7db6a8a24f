"""The three entry points are one command line."""

import subprocess
import sys

import pytest

from gv_jax.cli.commands import COMMANDS, main


def test_an_unknown_command_is_one_line_and_status_2(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["gv-jax", "tarin"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "'train'" in err


def test_help_lists_every_command(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["gv-jax"])
    main()
    out = capsys.readouterr().out
    assert all(f"\n  {name} " in out for name in COMMANDS)


@pytest.mark.parametrize("words", [["gv_jax", "train"], ["gv_jax.main"]])
def test_module_entry_points(words):
    done = subprocess.run(
        [sys.executable, "-m", *words, "--config=configs/none.py"], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "configs/none.py" in done.stderr


INTERRUPTED = """
import atexit, sys
import gv_jax.__main__ as entry
from gv_jax.cli import process

class Crash:
    def __del__(self):
        print("crashed", flush=True)

def main():
    entry.crash = Crash()
    atexit.register(print, "cleaned up")
    print("interrupted")
    sys.exit(130)

entry.main, process.restart_on_huge_pages = main, lambda: None
entry.start()
"""


def test_an_interrupted_command_cleans_up_but_frees_no_modules():
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True)
    assert done.returncode == 130
    assert done.stdout.split("\n") == ["interrupted", "cleaned up", ""]
