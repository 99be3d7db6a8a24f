"""Paths and sizes as people write them, and terminals that do not know every character."""

import os
import subprocess
import sys

import pytest

from gv_jax.cli.flags import load_config, parse_path
from gv_jax.cli.train import make_train_parser, train
from gv_jax.cli.train_many import parse_members
from gv_jax.config.resolve import resolve
from gv_jax.errors import UserError

QUICKSTART = "configs/quickstart.py"


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_a_tilde_is_the_home_folder(home):
    assert parse_path("~/runs/a") == home / "runs" / "a"
    fields = {"data.root": "~/data", "data.path": "~/images", "data.generated": "~/new"}
    config = resolve(load_config(QUICKSTART, fields))
    assert (config.data.root, config.data.path) == (str(home / "data"), str(home / "images"))
    assert config.data.generated == str(home / "new")
    config = resolve(load_config("configs/folder.py:~/images", {}))
    assert config.data.path == str(home / "images")
    [member] = parse_members(["--workdir=~/x", f"--config={QUICKSTART}"])
    assert member.workdir == home / "x"


def test_an_empty_path_is_refused():
    with pytest.raises(UserError, match="workdir"):
        train(["--workdir=", f"--config={QUICKSTART}"])


@pytest.mark.parametrize("text", ["96,128", "96x128", "(96, 128)", "(96,128)", "[96, 128]"])
def test_sizes(text):
    assert load_config(QUICKSTART, {"data.size": text}).data.size == (96, 128)


def test_a_path_that_looks_like_a_size_is_a_path():
    assert load_config(QUICKSTART, {"data.path": "32x32"}).data.path == "32x32"


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_messages_on_any_terminal(encoding):
    code = "from gv_jax.cli.flags import *; run_command(lambda _: echo('★ → 1'), [])"
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.endswith(b"1\n")


@pytest.mark.parametrize(
    ("message", "shown"), [("Event loop is closed", False), ("of another kind", True)]
)
def test_callbacks_after_a_failed_write_are_silent(message, shown):
    code = f"""
from gv_jax.cli.flags import silence_libraries
class Callback:
    def __del__(self):
        raise RuntimeError({message!r})
silence_libraries()
Callback()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0
    assert (message in done.stderr) == shown


@pytest.mark.parametrize(
    ("message", "shown"),
    [('Failed writing: "/x/c": No space left on device', False), ("of another kind", True)],
)
def test_futures_after_a_failed_write_are_silent(message, shown):
    code = f"""
import asyncio, gc, logging
from gv_jax.cli.flags import silence_libraries
async def main():
    asyncio.get_running_loop().create_future().set_exception(ValueError({message!r}))
silence_libraries()
asyncio.run(main())
gc.collect()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0
    assert ("never retrieved" in done.stderr) == shown


def test_overrides_of_a_study_are_those_that_its_runs_record(home):
    """Otherwise the finished runs of a study would count as runs of another config."""
    parser = make_train_parser()
    words = ["--config.data.size=96x128", "--config.data.path=~/images", "--config.model.name=a"]
    _, fields = parser.parse_with_fields(words)
    assert fields["data.size"] == "(96, 128)"
    assert fields["data.path"] == str(home / "images")
    assert fields["model.name"] == "a"
