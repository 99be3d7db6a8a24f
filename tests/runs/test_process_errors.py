"""Processes that cannot train one run: one line on each, exit status 2, and nothing is left."""

import shutil
import socket

import numpy as np
import pytest
from PIL import Image

from gv_jax.training.lease import lease
from tests.runs.several_processes import (
    assert_errors,
    find_port,
    finish,
    finish_two,
    make_command,
    name_cluster,
    start,
    start_two,
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Of the data set and of all runs."""
    return tmp_path_factory.mktemp("processes")


def modify_image(images):
    pixels = np.array(Image.open(images / "red" / "03.png"))
    Image.fromarray(255 - pixels).save(images / "red" / "03.png")


def remove_image(images):
    (images / "red" / "03.png").unlink()


def rename_class(images):
    (images / "red").rename(images / "scarlet")


@pytest.mark.parametrize(
    ("change", "named"),
    [(modify_image, "red/03.png"), (remove_image, "red/03.png"), (rename_class, "scarlet")],
)
def test_other_images_on_one_host_are_named(shapes, tmp_path, change, named):
    images = tmp_path / "images"
    shutil.copytree(shapes, images)
    change(images)
    command = make_command(shapes, tmp_path, "run")
    other = make_command(images, tmp_path, "run")  # the same folder of prepared data
    assert_errors(finish_two(command, other), named, "process 1")
    assert not (tmp_path / "run").exists()


def test_different_configs_end_both_processes_with_the_field(shapes, folder):
    commands = [make_command(shapes, folder, "differs", seed=seed) for seed in (3, 4)]
    assert_errors(finish_two(*commands), "config.seed is 3 in process 0 and 4 in process 1")
    assert not (folder / "differs").exists()


def test_an_error_of_one_process_ends_the_other(shapes, folder):
    command = make_command(shapes, folder, "broken")
    ends = finish_two(command, [*command, "--config.train.epochs=-1"])
    assert_errors(ends, "config.train.epochs")
    assert ["process 1" in end.errors[0] for end in ends] == [True, False]


def test_a_batch_that_the_devices_cannot_share_is_refused(shapes, folder):
    command = make_command(shapes, folder, "batch", **{"train.batch_size": 14})
    assert_errors(finish_two(command, devices=2), "14", "4 devices", "=12")
    assert not (folder / "batch").exists()


def test_fewer_images_than_processes_are_refused(shapes, tmp_path):
    for name in ("red", "blue"):
        (tmp_path / "few" / name).mkdir(parents=True)
        shutil.copy(shapes / name / "00.png", tmp_path / "few" / name)
    fractions = {"data.valid_fraction": 0.0, "data.test_fraction": 0.0, "train.batch_size": 3}
    command = make_command(tmp_path / "few", tmp_path, "run", **fractions)
    port = find_port()
    processes = [start(command, *name_cluster(port, index, 3)) for index in range(3)]
    for end in map(finish, processes):
        assert end.status == 2, end
        assert "3 processes cannot share 2 training images" in end.errors[-1]
    assert not (tmp_path / "run").exists()


def test_other_numbers_of_devices_are_refused(shapes, folder):
    port, command = find_port(), make_command(shapes, folder, "devices")
    processes = [
        start(command, *name_cluster(port, index), devices=index + 1) for index in range(2)
    ]
    assert_errors(map(finish, processes), "is 1 in process 0 and 2 in process 1")


def test_other_numbers_of_processes_are_refused(shapes, folder):
    port, command = find_port(), make_command(shapes, folder, "numbers")
    processes = [start(command, *name_cluster(port, index, index + 2)) for index in range(2)]
    assert_errors(map(finish, processes), "--num-processes is 2 in process 0 and 3 in process 1")


def test_a_run_that_another_process_trains_is_refused_by_all(shapes, folder):
    with lease(folder / "held") as held:
        ends = finish_two(make_command(shapes, folder, "held"))
        assert_errors(ends, str(folder / "held"), "is being trained")
        held.check()


def test_a_run_directory_that_is_not_shared_is_refused(shapes, folder):
    commands = [make_command(shapes, folder, name) for name in ("mine", "other")]
    (folder / "other").mkdir()
    (folder / "other" / "lease").write_text("of another run")
    assert_errors(finish_two(*commands), f"--workdir={folder / 'other'}")
    assert not (folder / "mine").exists()


@pytest.mark.parametrize("indices", [(0,), (1,), (0, 0)])
def test_processes_that_do_not_meet_end_within_the_timeout(shapes, folder, indices):
    port = find_port()
    command = make_command(shapes, folder, "incomplete")
    processes = [start(command, *name_cluster(port, index, timeout=3)) for index in indices]
    for process in processes:
        end = finish(process)
        assert end.status == 2, end
        assert len(end.errors) == 1, end
        assert "within 3 s" in end.errors[0] or f"cannot use port {port}" in end.errors[0]
    assert not (folder / "incomplete").exists()


def test_a_port_that_is_in_use_is_named(shapes, folder):
    with socket.socket() as server:
        server.bind(("", 0))
        server.listen()
        port = server.getsockname()[1]
        end = finish(start(make_command(shapes, folder, "port"), *name_cluster(port, 0)))
    assert_errors([end], str(port))


def test_sigterm_before_the_first_step_ends_both_processes(shapes, folder):
    processes = start_two(make_command(shapes, folder, "early", **{"train.epochs": 100_000}))
    assert processes[0].stdout
    assert processes[0].stdout.readline()  # its first message, before the images are read
    processes[1].terminate()
    first, second = map(finish, processes)
    assert (first.status, second.status) == (130, 130)
    assert len(second.errors) <= 1
