"""A command that is killed at any moment is continued or undone without a trace."""

import os
import random
import shutil
import signal
import time
from pathlib import Path

import pytest

from gv_jax.inference.sorting.undo_sorting import undo_sorting
from tests.inference.files.images import snapshot, write_image
from tests.inference.sorting.sorting import IMAGES, sort, write_pack

pytestmark = pytest.mark.slow

OPERATIONS = ("copy", "link", "move")
CHANGES = ("write", "mkdir", "rmdir", "rename", "link", "unlink", "fsync")
KILLED = 9


def run_killed(call, kill_at):
    """Calls `call` in a process that dies at its change number `kill_at` of the file system.

    A write is then half done. Returns whether it died.
    """
    child = os.fork()
    if child == 0:
        status = 1
        try:
            patch_changes(kill_at)
            call()
            status = 0
        finally:
            os._exit(status)
    _, result = os.waitpid(child, 0)
    status = os.waitstatus_to_exitcode(result)
    assert status in (0, KILLED)
    return status == KILLED


def patch_changes(kill_at):
    """Makes the change number `kill_at` of this process its last."""
    count = [0]

    def patch(module, name, half):
        original = getattr(module, name)

        def change(*arguments, **options):
            count[0] += 1
            if count[0] == kill_at:
                half(original, *arguments)
                os._exit(KILLED)
            return original(*arguments, **options)

        setattr(module, name, change)

    for name in CHANGES:
        patch(os, name, write_half if name == "write" else lambda *_: None)
    patch(shutil, "copy2", copy_half)


def write_half(write, descriptor, data):
    write(descriptor, bytes(data)[: len(data) // 2])


def copy_half(_, source, target):
    data = Path(source).read_bytes()
    Path(target).write_bytes(data[: len(data) // 2])


def whole(folder):
    return snapshot(folder), folder.stat().st_mtime_ns


def sorted_names(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*.png")}


@pytest.mark.parametrize("is_resumed", [False, True])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_killed_at_every_change(operation, is_resumed, tmp_path):
    out, kill_at, is_killed = tmp_path / "out", 0, True
    pack = write_pack(tmp_path / "pack")
    before = whole(pack)
    while is_killed:
        kill_at += 1
        is_killed = run_killed(lambda: sort(out, pack, operation=operation), kill_at)
        kept = {Path(name).name for name in sorted_names(pack) | sorted_names(out)}
        assert kept >= {Path(name).name for name in IMAGES}
        if is_resumed:
            sort(out, pack, operation=operation)
            assert len(sorted_names(out)) == len(IMAGES)
        if (out / "manifest.csv").exists():
            assert undo_sorting(out).problems == []
        assert whole(pack) == before
        shutil.rmtree(out, ignore_errors=True)
    assert kill_at > 3 * len(IMAGES)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_undo_killed_at_every_change(operation, tmp_path):
    out, kill_at, is_killed = tmp_path / "out", 0, True
    pack = write_pack(tmp_path / "pack")
    before = whole(pack)
    while is_killed:
        kill_at += 1
        sort(out, pack, operation=operation)
        is_killed = run_killed(lambda: undo_sorting(out), kill_at)
        if (out / "manifest.csv").exists():
            assert undo_sorting(out).problems == []
        assert whole(pack) == before
        shutil.rmtree(out, ignore_errors=True)
    assert kill_at > len(IMAGES)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_killed_at_random_moments(operation, tmp_path):
    pack, out, generator = tmp_path / "pack", tmp_path / "out", random.Random(0)
    for index in range(600):
        color = generator.choice(["red", "green", "blue", "gray"])
        write_image(pack / f"{index % 7}" / f"{index}.png", color)
    before, num_killed = whole(pack), 0
    begin = time.monotonic()
    sort(out, pack, operation=operation)
    whole_s = time.monotonic() - begin
    undo_sorting(out)
    shutil.rmtree(out, ignore_errors=True)
    for _ in range(10):
        for _ in range(generator.randint(1, 4)):
            num_killed += run_and_kill(
                lambda: sort(out, pack, operation=operation), generator.uniform(0.05, 0.8) * whole_s
            )
        if generator.random() < 0.5:
            sort(out, pack, operation=operation)
            assert len(sorted_names(out)) == 600
        while (out / "manifest.csv").exists():
            run_and_kill(lambda: undo_sorting(out), generator.uniform(0.05, 1.0) * whole_s)
        shutil.rmtree(out, ignore_errors=True)  # an empty one, killed before its manifest
        assert whole(pack) == before
    assert num_killed > 5


def run_and_kill(call, after_s):
    """Calls `call` in a process, and kills it after some seconds; returns whether it was killed."""
    child = os.fork()
    if child == 0:
        try:
            call()
        finally:
            os._exit(0)
    time.sleep(after_s)
    os.kill(child, signal.SIGKILL)
    _, result = os.waitpid(child, 0)
    return os.WIFSIGNALED(result)
