"""A command starts anew on huge pages, once and with the same arguments."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gv_jax.cli import huge_pages
from gv_jax.cli.huge_pages import TUNABLE, VARIABLE, huge_page_environment


@pytest.fixture
def setting(tmp_path, monkeypatch):
    """A file in place of Linux's setting."""
    path = tmp_path / "enabled"
    path.write_text("always [madvise] never\n")
    monkeypatch.setattr(huge_pages, "SETTING", path)
    monkeypatch.setattr(os, "confstr", lambda name: "glibc 2.36", raising=False)
    return path


def test_tunable_is_added_to_others(setting):
    assert huge_page_environment({"A": "b"}) == {"A": "b", VARIABLE: f"{TUNABLE}=1"}
    given = {VARIABLE: "glibc.malloc.check=3"}
    assert huge_page_environment(given)[VARIABLE] == f"glibc.malloc.check=3:{TUNABLE}=1"
    assert VARIABLE not in os.environ or os.environ[VARIABLE] != given[VARIABLE]


@pytest.mark.parametrize("value", [0, 1])
def test_value_of_the_user_stays(setting, value):
    given = {VARIABLE: f"{TUNABLE}={value}"}
    assert huge_page_environment(given) == given


@pytest.mark.parametrize("text", ["[always] madvise never\n", "always madvise [never]\n"])
def test_systems_that_do_not_wait_for_requests_are_left_alone(setting, text):
    setting.write_text(text)
    assert huge_page_environment({}) == {}


@pytest.mark.parametrize("version", ["glibc 2.34", "musl 1.2", "glibc", None])
def test_other_c_libraries_are_left_alone(setting, monkeypatch, version):
    monkeypatch.setattr(os, "confstr", lambda name: version)
    assert huge_page_environment({}) == {}


def test_systems_without_huge_pages_are_left_alone(setting, monkeypatch):
    setting.unlink()
    assert huge_page_environment({}) == {}
    setting.write_text("[madvise]")
    monkeypatch.delattr(os, "confstr")
    assert huge_page_environment({}) == {}


PROGRAM = """
import os, sys
from pathlib import Path
from gv_jax.cli import huge_pages
huge_pages.SETTING = Path(sys.argv[1])
os.confstr = lambda name: "glibc 2.36"
print("start", flush=True)
huge_pages.restart_on_huge_pages()
print(os.environ[huge_pages.VARIABLE], sys.argv[2:], os.getpid(), flush=True)
"""


def test_restart_happens_once_in_the_same_process(setting, tmp_path):
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
    environment["PYTHONPATH"] = str(Path(huge_pages.__file__).parents[2])
    command = [sys.executable, "-B", str(script), str(setting), "a b", "--c=d"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        lines = process.stdout.read().splitlines()
    expected = f"{TUNABLE}=1 {['a b', '--c=d']} {process.pid}"
    assert (lines, process.returncode) == (["start", "start", expected], 0)
