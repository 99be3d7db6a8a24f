"""The comparison on a GPU, with processes that print known numbers."""

import pytest

from benchmarks import gpu


def test_without_a_gpu_one_line_says_so(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["gpu"])
    monkeypatch.setattr(gpu, "find_device", lambda: ("cpu", "a CPU"))
    with pytest.raises(SystemExit) as stop:
        gpu.main()
    assert stop.value.code == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err == "no GPU: JAX computes on cpu (a CPU)\n"


def test_networks_and_a_population_are_compared(monkeypatch):
    class Finished:
        stdout = (
            '{"way": "sequential", "images_per_second": 100.0}\n'
            '{"way": "vectorized", "images_per_second": 350.0}\n'
        )

    def run_command(command):
        ms = {"benchmarks.speed": 10.0, "benchmarks.torch_speed": 15.0}[command[2]]
        assert command[-2:] == ["--dtype", "bfloat16"]
        return {"name": "x", "ms": ms, "parameters": 1}

    lines = []
    monkeypatch.setattr(gpu, "find_device", lambda: ("gpu", "a GPU"))
    monkeypatch.setattr(gpu, "describe", lambda device: {"device": device})
    monkeypatch.setattr(gpu, "write_line", lines.append)
    monkeypatch.setattr(gpu.alternate, "check_torch", lambda parser: None)
    monkeypatch.setattr(gpu.alternate, "run_command", run_command)
    monkeypatch.setattr(gpu.subprocess, "run", lambda *command, **options: Finished)
    monkeypatch.setattr("sys.argv", ["gpu", "--rounds", "2"])
    gpu.main()
    assert lines[0] == {"device": "a GPU"}
    comparisons = [line for line in lines if line.get("against")]
    assert [line["ratio"] for line in comparisons] == [1.5] * len(gpu.BATCHES)
    assert (lines[-1]["members"], lines[-1]["ratio"]) == (8, 3.5)
