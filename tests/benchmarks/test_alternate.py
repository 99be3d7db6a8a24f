"""Alternating processes: ratios of printed durations, their median and spread."""

import argparse
import sys

import pytest

from benchmarks import alternate

# Prints the next of its durations; a file counts the processes that have run.
FAKE = """
import json, pathlib, sys
log, program, parameters, *durations = sys.argv[1:]
with open(log, "a") as file: file.write(program + "\\n")
index = pathlib.Path(log).read_text().split().count(program) - 1
print("a line that is no measurement")
print(json.dumps({"name": "x", "ms": float(durations[index]), "parameters": int(parameters)}))
"""


@pytest.fixture
def fake(tmp_path):
    script = tmp_path / "fake.py"
    script.write_text(FAKE)

    def make(program, durations, parameters=7):
        arguments = [tmp_path / "log", program, parameters, *durations]
        return [sys.executable, str(script), *map(str, arguments)]

    return make


def test_processes_alternate_and_ratios_are_of_the_same_round(fake, tmp_path):
    commands = {
        "gv_jax": fake("gv_jax", [10, 20, 40, 10, 100]),
        "torch": fake("torch", [20, 30, 40, 5, 400]),
    }
    reported = []
    (line,) = alternate.compare(commands, 5, reported.append)
    assert (tmp_path / "log").read_text().split() == ["gv_jax", "torch"] * 5
    assert line == {
        "name": "x",
        "against": "torch",
        "ratio": 1.5,  # of 2, 1.5, 1, 0.5 and 4
        "quartiles": [1.0, 2.0],
        "range": [0.5, 4.0],
        "rounds": 5,
        "ms": 20.0,
        "other_ms": 30.0,
    }
    assert [line["round"] for line in reported] == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert [line["ms"] for line in reported[::2]] == [10, 20, 40, 10, 100]


def test_the_fastest_of_several_is_the_one_with_the_smallest_median(fake):
    commands = {
        "gv_jax": fake("gv_jax", [10, 10, 10]),
        "torch": fake("torch", [20, 20, 1]),
        "torch-compile": fake("torch-compile", [15, 15, 15]),
    }
    lines = list(alternate.compare(commands, 3, lambda line: None))
    assert [(line["against"], line["ratio"]) for line in lines] == [
        ("torch", 2.0),
        ("torch-compile", 1.5),
        ("fastest", 1.5),
    ]
    assert lines[-1]["program"] == "torch-compile"


def test_networks_of_different_size_are_not_compared(fake):
    commands = {"gv_jax": fake("gv_jax", [1, 1], 7), "torch": fake("torch", [1, 1], 8)}
    with pytest.raises(SystemExit, match="gv_jax 7, torch 8"):
        list(alternate.compare(commands, 2, lambda line: None))


@pytest.mark.parametrize(
    ("code", "reason"),
    [("raise ValueError('no such thing')", "no such thing"), ("print('nothing')", "status 0")],
)
def test_a_failed_process_ends_the_comparison_with_its_reason(code, reason):
    with pytest.raises(SystemExit, match=reason):
        alternate.run_command([sys.executable, "-c", code])


def test_missing_packages_are_named(monkeypatch, capsys):
    monkeypatch.setattr(alternate.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit, match="2"):
        alternate.check_torch(argparse.ArgumentParser())
    assert "torch and timm" in capsys.readouterr().err
