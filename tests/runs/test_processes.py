"""One run of two real processes on this machine, which JAX connects over TCP."""

import csv
import signal

import pytest

from tests.runs.runs import read_checkpoint, read_results
from tests.runs.several_processes import (
    LOST,
    assert_same_results,
    finish,
    finish_two,
    make_command,
    start,
    start_two,
    wait_for_rows,
)

pytestmark = pytest.mark.slow

SILENT_S = 40  # seconds after which a process counts as dead


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Of the data set and of all runs."""
    return tmp_path_factory.mktemp("processes")


@pytest.fixture(scope="module")
def whole(shapes, folder):
    """The run directory of one process."""
    assert finish(start(make_command(shapes, folder, "whole"))).status == 0
    return folder / "whole"


@pytest.fixture(scope="module")
def two(shapes, folder):
    """The run directory of two processes, and how they ended."""
    return folder / "two", finish_two(make_command(shapes, folder, "two"))


def read_predictions(run):
    with (run / "predictions.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_two_processes_leave_the_run_of_one(whole, two):
    run, (first, second) = two
    assert first.status == 0, first
    assert second == (0, [], [])
    assert str(run / "report.html") in first.output[-1]
    assert_same_results(run, whole)
    assert {path.name for path in run.iterdir()} == {path.name for path in whole.iterdir()}


def test_each_device_keeps_its_part_of_the_state(whole, two):
    alone, shared = (read_results(run)["timing"]["state_mb_per_device"] for run in (whole, two[0]))
    assert 0.5 * alone <= shared < 0.6 * alone


def test_two_processes_evaluate_every_image_once(shapes, folder, two):
    run, _ = two
    expected, report = read_predictions(run), (run / "report.html").read_text()
    results = read_results(run)
    assert len({row["id"] for row in expected}) == len(expected)
    counts = {split: results[split]["count"] for split in ("train", "valid", "test")}
    assert sum(counts.values()) == len(list(shapes.glob("*/*.png")))
    (run / "predictions.csv").unlink()
    command = [*make_command(shapes, folder, "two"), "--mode=evaluate"]
    first, second = finish_two(command)
    assert first.status == 0, first
    assert second == (0, [], [])
    assert read_predictions(run) == expected
    assert {split: read_results(run)[split]["count"] for split in counts} == counts
    assert len((run / "report.html").read_text()) == pytest.approx(len(report), rel=0.01)


@pytest.mark.parametrize(
    ("killed", "resumed", "devices"), [(0, 1, 4), (1, 2, 1)], ids=["first", "second"]
)
def test_a_killed_process_ends_the_other_and_any_processes_resume(
    shapes, folder, whole, killed, resumed, devices
):
    name = f"killed{killed}"
    command = make_command(shapes, folder, name)
    processes = start_two(command, timeout=SILENT_S)
    wait_for_rows(folder / name, 5, processes[0])
    processes[killed].kill()
    end = finish(processes[1 - killed])
    assert finish(processes[killed]).status == -signal.SIGKILL
    assert end.status == LOST, end
    assert len(end.errors) == 1, end
    assert not (folder / name / "results.json").exists()
    if resumed == 1:
        assert finish(start(command, devices=devices)).status == 0
    else:
        assert [end.status for end in finish_two(command, devices=devices)] == [0, 0]
    assert_same_results(folder / name, whole)


def test_two_processes_of_two_devices_resume_a_run_of_one(shapes, folder, whole):
    command = make_command(shapes, folder, "alone")
    process = start(command)
    wait_for_rows(folder / "alone", 5, process)
    process.kill()
    assert finish(process).status == -signal.SIGKILL
    assert [end.status for end in finish_two(command, devices=2)] == [0, 0]
    assert_same_results(folder / "alone", whole)


@pytest.mark.parametrize("signaled", [(1,), (0, 1)], ids=["one", "both"])
def test_sigterm_saves_and_ends_both_processes(shapes, folder, signaled):
    name = f"interrupted{len(signaled)}"
    processes = start_two(make_command(shapes, folder, name, **{"train.epochs": 100_000}))
    wait_for_rows(folder / name, 1, processes[0])
    for index in signaled:
        processes[index].terminate()
    first, second = map(finish, processes)
    assert (first.status, second) == (130, (130, [], []))
    assert "resume" in first.output[-1]
    step, _ = read_checkpoint(folder / name, "best")
    assert f"step {step} " in first.output[-1]
