"""The benchmark of streamed training: a process is measured until its last epoch."""

import argparse
import sys

import pytest

from benchmarks import throughput

# Writes the metrics of as many epochs as it is told, then waits, or fails.
FAKE = """
import json, pathlib, sys, time
workdir, epochs, ending = sys.argv[1:]
pathlib.Path(workdir).mkdir()
with open(workdir + "/metrics.jsonl", "w") as file:
    for epoch in range(int(epochs)):
        row = {"split": "train", "images_per_second": 10.0 * epoch, "data_wait": 0.25}
        file.write(json.dumps(row) + "\\n")
        file.write(json.dumps({"split": "valid"}) + "\\n")
if ending == "fail":
    sys.exit("no space left")
time.sleep(60)
"""


@pytest.fixture
def measure(tmp_path, monkeypatch):
    script = tmp_path / "fake.py"
    script.write_text(FAKE)

    def run(epochs, ending):
        command = [sys.executable, str(script), str(tmp_path / "run"), str(epochs), ending]
        monkeypatch.setattr(throughput, "make_command", lambda *arguments: command)
        return throughput.measure("cached", argparse.Namespace(), tmp_path, tmp_path / "run")

    return run


def test_a_process_is_ended_after_its_last_epoch_and_the_first_warms_up(measure):
    line = measure(throughput.EPOCHS, "wait")
    assert (line["storage"], line["images_per_second"], line["data_wait"]) == ("cached", 20, 0.25)
    assert line["peak_mb"] > 1
    assert line["cpu_seconds"] < 10


def test_a_process_that_fails_is_reported_with_its_output(measure):
    with pytest.raises(SystemExit, match=r"cached: exit status 1\n.*no space left"):
        measure(throughput.EPOCHS - 1, "fail")
