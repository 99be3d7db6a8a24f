"""Sorting keeps names, overwrites nothing, resumes, and is undone byte for byte."""

import csv
import errno
import os
import shutil
import zipfile
from pathlib import Path

import pytest

from gv_jax.errors import UserError
from gv_jax.inference.sorting import sorted_folder
from gv_jax.inference.sorting.sorted_folder import lock_folder
from gv_jax.inference.sorting.undo_sorting import undo_sorting
from tests.inference.files.classifier import ColorClassifier
from tests.inference.files.images import snapshot, write_image
from tests.inference.sorting.sorting import IMAGES, sort, write_pack

OPERATIONS = ("copy", "link", "move")
TARGETS = {
    "red/wall.png",
    "red/deep/er/wall.png",
    "blue/deep/water.png",
    "green/grass.png",
    "_unsure/fog.png",
}


@pytest.fixture
def pack(tmp_path):
    return write_pack(tmp_path / "pack")


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def files_in(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_files_are_sorted_and_restored(operation, pack, out):
    before = snapshot(pack)
    outcome = sort(out, pack, operation=operation)
    assert files_in(out) == TARGETS | {"manifest.csv"}
    assert outcome.counts == {"red": 2, "blue": 1, "green": 1, "_unsure": 1}
    for target in TARGETS:
        name = target.partition("/")[2].encode()
        assert snapshot(out)[target.encode()] == before[name]
    if operation == "move":
        assert files_in(pack) == {"deep/readme.txt"}
    else:
        assert snapshot(pack) == before
        is_same = (out / "red" / "wall.png").samefile(pack / "wall.png")
        assert is_same == (operation == "link")
    undone = undo_sorting(out / "manifest.csv")
    assert undone.problems == []
    assert snapshot(pack) == before
    assert not out.exists()


def test_the_manifest_states_predictions(pack, out):
    sort(out, pack)
    with (out / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["target"]: row for row in csv.DictReader(file) if row["operation"] == "copy"}
    assert rows.keys() == TARGETS
    fog = rows["_unsure/fog.png"]
    assert (fog["label"], fog["uncertain"], fog["unfamiliar"]) == ("red", "yes", "yes")
    assert float(fog["probability"]) == 0.4
    assert fog["source"] == str(pack / "fog.png")


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_same_command_continues(operation, pack, out):
    """The second command has some files to do; the third one has none."""
    before = snapshot(pack)
    hidden = pack.with_name("hidden")
    (pack / "deep").rename(hidden)
    sort(out, pack, operation=operation)
    hidden.rename(pack / "deep")
    for expected in (2, 0):
        run = ColorClassifier()
        outcome = sort(out, pack, operation=operation, run=run)
        assert run.num_prepared == expected
        assert outcome.num_resumed == len(IMAGES) - expected
        assert sum(outcome.counts.values()) == len(IMAGES)
    assert files_in(out) == TARGETS | {"manifest.csv"}
    undo_sorting(out)
    assert snapshot(pack) == before


def test_moved_files_that_were_given_by_name_may_be_missing(pack, out):
    words = [pack / "wall.png", pack / "grass.png"]
    sort(out, *words, operation="move")
    assert sort(out, *words, operation="move").num_resumed == 2
    with pytest.raises(UserError, match=r"fog2\.png"):
        sort(out, *words, pack / "fog2.png", operation="move")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"operation": "move"}, "move"),
        ({"run": ColorClassifier(classes=("a", "b", "c"))}, "run"),
        ({"rule": "--below 0.7"}, "0.7"),
    ],
)
def test_another_command_is_rejected(changes, named, pack, out):
    run = changes.get("run")
    if run:
        run.results = {"seed": 1}
    sort(out, pack)
    before = snapshot(out)
    with pytest.raises(UserError, match=named):
        sort(out, pack, **changes)
    assert snapshot(out) == before


def test_a_folder_with_other_files_is_rejected(pack, out):
    write_image(out / "red" / "wall.png", "blue")
    before = snapshot(out)
    with pytest.raises(UserError, match="out"):
        sort(out, pack)
    assert snapshot(out) == before


def test_existing_files_are_not_overwritten(pack, out):
    sort(out, write_image(pack.with_name("first.png"), "red"))
    write_image(out / "red" / "wall.png", "blue")
    before = snapshot(out)[b"red/wall.png"]
    outcome = sort(out, pack)
    assert [path for path, _ in outcome.problems] == [str(pack / "wall.png")]
    assert snapshot(out)[b"red/wall.png"] == before
    undone = undo_sorting(out)
    assert undone.problems == []
    assert files_in(out) == {"red/wall.png"}
    assert undone.kept_folders == [out / "red", out]


@pytest.mark.parametrize(
    ("words", "target"),
    [
        (["pack"], "pack/out"),
        (["pack"], "pack"),
        (["pack/deep"], "pack"),
        (["pack/wall.png"], "pack"),
        (["pack.zip"], "."),
        (["pack"], "link/out"),
        (["pack/wall.png", "pack/deep/er/wall.png"], "out"),
        (["pack", "pack2"], "out"),
        (["none"], "out"),
        (["empty"], "out"),
        (["pack"], "pack/wall.png"),
    ],
)
def test_mistakes_leave_everything_as_it_was(words, target, pack, tmp_path):
    write_image(tmp_path / "pack2" / "wall.png", "blue")
    with zipfile.ZipFile(tmp_path / "pack.zip", "w") as archive:
        archive.write(pack / "wall.png", "wall.png")
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to("pack")
    before = snapshot(tmp_path)
    with pytest.raises(UserError):
        sort(tmp_path / target, *[tmp_path / word for word in words])
    after = snapshot(tmp_path)
    after.pop(b"out", None)
    assert after == before


@pytest.mark.parametrize("operation", ["link", "move"])
def test_what_cannot_be_linked_or_moved(operation, pack, out, monkeypatch):
    with zipfile.ZipFile(pack.with_name("pack.zip"), "w") as archive:
        archive.write(pack / "wall.png", "wall.png")
    (pack / "deep" / "link.png").symlink_to("water.png")
    for word, named in ((pack.with_name("pack.zip"), r"pack\.zip"), (pack, r"link\.png")):
        with pytest.raises(UserError, match=named):
            sort(out, word, operation=operation)
        assert not out.exists()


@pytest.mark.parametrize("operation", ["link", "move"])
def test_another_device(operation, out):
    shared = Path("/dev/shm")
    if not shared.is_dir() or shared.stat().st_dev == out.parent.stat().st_dev:
        pytest.skip("there is one device only")
    folder = shared / f"gv_jax-{os.getpid()}"
    try:
        write_pack(folder)
        before = snapshot(folder)
        with pytest.raises(UserError, match="device"):
            sort(out, folder, operation=operation)
        assert not out.exists()
        sort(out, folder)
        undo_sorting(out)
        assert snapshot(folder) == before
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_several_labels_are_rejected(pack, out):
    with pytest.raises(UserError, match="colors"):
        sort(out, pack, run=ColorClassifier(multi_label=True))
    assert not out.exists()


def test_unreadable_files_stay(pack, out):
    (pack / "broken.png").write_bytes(b"no image")
    before = snapshot(pack)
    outcome = sort(out, pack, operation="move")
    assert [path for path, _ in outcome.problems] == [str(pack / "broken.png")]
    assert files_in(pack) == {"broken.png", "deep/readme.txt"}
    undo_sorting(out)
    assert snapshot(pack) == before


def test_zip_members_are_copied(pack, out):
    zipped = pack.with_name("pack.zip")
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in IMAGES:
            archive.write(pack / name, name)
        archive.writestr("../out.png", (pack / "wall.png").read_bytes())
    outcome = sort(out, zipped)
    assert files_in(out) == TARGETS | {"manifest.csv"}
    assert len(outcome.problems) == 0  # those of the listing are reported by the command
    for target in TARGETS:
        name = target.partition("/")[2]
        assert (out / target).read_bytes() == (pack / name).read_bytes()
        assert abs((out / target).stat().st_mtime - (pack / name).stat().st_mtime) <= 2
    assert sort(out, zipped).num_resumed == len(IMAGES)
    assert undo_sorting(out).num_removed == len(IMAGES)
    assert not out.exists()


def test_undoing_counts_links_apart_from_copies(pack, out):
    sort(out, pack, operation="link")
    undone = undo_sorting(out)
    assert (undone.num_removed, undone.num_unlinked) == (0, len(IMAGES))
    assert "link" in str(undone)
    assert "moved back" not in str(undone)


def test_class_names_that_are_no_folder_names(pack, out):
    outcome = sort(out, pack, run=ColorClassifier(classes=("../up", "_unsure", "con")))
    assert set(outcome.counts) == {"___up", "_unsure_", "con_", "_unsure"}
    assert len(outcome.notes) == 3
    assert {path.name for path in out.iterdir() if path.is_dir()} == set(outcome.counts)


@pytest.mark.parametrize("name", [b"a\nb.png", b"\xff\xfe.png", b"x" * 246 + b".png", b"=1.png"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_odd_names(name, operation, tmp_path, out):
    folder = tmp_path / "pack"
    write_image(folder / "a.png", "red").rename(folder / os.fsdecode(name))
    before = snapshot(folder)
    sort(out, folder, operation=operation)
    assert snapshot(out)[b"red/" + name] == before[name]
    assert sort(out, folder, operation=operation).num_resumed == 1
    undo_sorting(out)
    assert snapshot(folder) == before
    assert not out.exists()


@pytest.mark.parametrize("operation", OPERATIONS)
def test_files_that_were_changed_since_are_left(operation, pack, out):
    sort(out, pack, operation=operation)
    changed = out / "red" / "wall.png"
    status = changed.stat()
    data = bytearray(changed.read_bytes())
    changed.unlink()
    data[-1] ^= 1
    changed.write_bytes(data)
    os.utime(changed, ns=(status.st_atime_ns, status.st_mtime_ns))  # same size and time
    undone = undo_sorting(out)
    assert [path for path, _ in undone.problems] == [str(changed)]
    assert changed.read_bytes() == data
    assert files_in(out) == {"red/wall.png", "manifest.csv"}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_nothing_is_lost_if_originals_changed_since(operation, pack, out):
    """The last copy of a deleted original, and of one that was replaced, is kept."""
    sort(out, pack, operation=operation)
    contents = {name: (out / name).read_bytes() for name in ("red/wall.png", "green/grass.png")}
    (pack / "wall.png").unlink(missing_ok=True)
    write_image(pack / "new.png", "blue").replace(pack / "grass.png")
    undone = undo_sorting(out)
    if operation == "move":  # the first was gone anyway
        assert (pack / "wall.png").read_bytes() == contents.pop("red/wall.png")
    assert len(undone.problems) == len(contents)
    for name, content in contents.items():
        assert (out / name).read_bytes() == content


def test_files_that_others_added_are_kept(pack, out):
    before = snapshot(pack)
    sort(out, pack, operation="move")
    (out / "red" / "notes.txt").write_text("mine")
    undone = undo_sorting(out)
    assert snapshot(pack) == before
    assert files_in(out) == {"red/notes.txt"}
    assert undone.kept_folders == [out / "red", out]


def test_undoing_twice_is_an_error(pack, out):
    sort(out, pack)
    undo_sorting(out / "manifest.csv")
    with pytest.raises(UserError, match=r"manifest\.csv"):
        undo_sorting(out / "manifest.csv")


@pytest.mark.parametrize(("name", "fail_at"), [("copy2", 2), ("write", 1)])
def test_a_full_disk_leaves_a_folder_that_continues(name, fail_at, pack, out, monkeypatch):
    before, calls = snapshot(pack), []
    module = {"copy2": shutil, "write": os}[name]
    original = getattr(module, name)

    def fail(*arguments, **options):
        calls.append(arguments)
        if len(calls) == fail_at:
            if name == "write":
                original(arguments[0], bytes(arguments[1])[:20])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "source")
        return original(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(module, name, fail)
        with pytest.raises(OSError, match="space") as failure:
            sort(out, pack)
    assert Path(failure.value.filename).is_relative_to(out)
    assert snapshot(pack) == before
    assert not [path for path in files_in(out) if sorted_folder.PARTIAL in path]
    sort(out, pack)
    assert files_in(out) == TARGETS | {"manifest.csv"}
    undo_sorting(out)
    assert snapshot(pack) == before
    assert not out.exists()


def test_copies_that_do_not_fit_are_rejected(pack, out, monkeypatch):
    usage = shutil.disk_usage(pack)._replace(free=100)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(UserError, match="100"):
        sort(out, pack)
    assert files_in(out) <= {"manifest.csv"}


def test_one_process_at_a_time(pack, out):
    out.mkdir()
    with lock_folder(out), pytest.raises(UserError, match="process"):
        sort(out, pack)
