"""A run, and a study, on data that changed: rejected, or continued on the recorded images."""

import json
import os
import shutil

import numpy as np
import pytest
from PIL import Image

from gv_jax import experiment
from gv_jax.config.resolve import resolve
from gv_jax.data import cache, decode
from gv_jax.errors import UserError
from gv_jax.run_data import KEEP, REJECT_CHANGES, DataPolicy, check_shared_records, load_run_data
from gv_jax.training.run_dir import RunDir
from tests.runs.runs import make_small_config, read_results

KEEP_RECORDED = DataPolicy(KEEP)
FIELDS = {"train.epochs": 2, "optimizer.learning_rate": 5e-3}


@pytest.fixture(autouse=True)
def strict():
    """Optax promotes dtypes itself."""


@pytest.fixture(scope="module")
def finished(shapes, tmp_path_factory):
    """The folder with the images and the run directory of a finished run."""
    base = tmp_path_factory.mktemp("finished")
    shutil.copytree(shapes, base / "images")
    config = make_small_config(base / "images", base / "data", **FIELDS)
    experiment.run(config, base / "run")
    return base


@pytest.mark.parametrize(("batch_size", "warned"), [(16, False), (4096, True)])
def test_a_batch_larger_than_the_training_split_is_a_warning(
    finished, tmp_path, caplog, batch_size, warned
):
    config = resolve(make_config(finished))
    config.train.batch_size = batch_size
    for training in (True, False):
        caplog.clear()
        data = load_run_data(config, RunDir(tmp_path), KEEP_RECORDED, training=training)
        count = len(data.dataset.splits["train"].labels)
        texts = [text for text in data.dataset.warnings if "4096" in text and f"{count} " in text]
        assert bool(texts) == warned
        assert [record.getMessage() for record in caplog.records] == (texts if training else [])


@pytest.fixture
def copy(finished, tmp_path):
    """A copy of the images, the prepared data and the run, to change."""
    return shutil.copytree(finished, tmp_path / "copy")


def make_config(base):
    return make_small_config(base / "images", base / "data", **FIELDS)


def add_image(base, name, color=90):
    file = base / "images" / name
    file.parent.mkdir(exist_ok=True)
    Image.fromarray(np.full((16, 16, 3), color, np.uint8)).save(file)


def replace_image(base):
    """Replaces the content of a test image; keeps its size in bytes and its time."""
    test_id = RunDir(base / "run").data_record.splits["test"].ids[0]
    file = base / "images" / test_id
    before = file.stat()
    pixels = np.asarray(Image.open(file))[::-1]
    Image.fromarray(pixels).save(file)
    content = file.read_bytes()
    file.write_bytes(content[: before.st_size] + bytes(max(0, before.st_size - len(content))))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    return test_id


def rename_class(base):
    (base / "images" / "red").rename(base / "images" / "aaa")


CHANGES = {
    "an image added": (lambda base: add_image(base, "red/99.png"), ["red/99.png", "1 image"]),
    "an image removed": (lambda base: (base / "images/red/03.png").unlink(), ["red/03.png"]),
    "a class added": (lambda base: [add_image(base, f"ant/{n}.png", n) for n in range(9)], ["ant"]),
    "a class too small for a new split": (lambda base: add_image(base, "ant/1.png"), ["'ant'"]),
    "a class renamed": (rename_class, ["red", "aaa"]),
    "an image replaced": (replace_image, ["1 image"]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_changed_data_are_rejected_and_nothing_is_lost(copy, change):
    apply, words = CHANGES[change]
    apply(copy)
    before = {file: file.read_bytes() for file in (copy / "run").glob("*.*")}
    with pytest.raises(UserError) as error:
        experiment.evaluate(make_config(copy), copy / "run")
    line = str(error.value)
    assert "\n" not in line
    assert all(word in line for word in [*words, str(copy / "run"), "--on-changed-data=keep"])
    assert {file: file.read_bytes() for file in (copy / "run").glob("*.*")} == before


def test_evaluation_keeps_the_recorded_images(copy):
    """A class that sorts first and new images neither move labels nor enter a split."""
    before = read_results(copy / "run")
    for number in range(9):
        add_image(copy, f"ant/{number}.png", number)
        add_image(copy, f"red/9{number}.png", 200 + number)
    experiment.evaluate(make_config(copy), copy / "run", KEEP_RECORDED)
    after = read_results(copy / "run")
    for name in ("train", "valid", "test", "per_class"):
        assert after[name] == before[name]
    changes = after["data_changes"]
    assert changes["new_classes"] == ["ant"]
    assert len(changes["added"]) == 18
    assert any("18 images added" in warning for warning in after["warnings"])
    assert "18 images added" in (copy / "run" / "report.html").read_text()


def test_evaluation_ignores_a_class_too_small_for_a_new_split(copy):
    before = read_results(copy / "run")
    add_image(copy, "ant/1.png")
    experiment.evaluate(make_config(copy), copy / "run", KEEP_RECORDED)
    after = read_results(copy / "run")
    assert after["test"] == before["test"]
    assert after["data_changes"]["new_classes"] == ["ant"]


def test_a_data_set_that_cannot_be_read_names_the_run_and_the_class(copy):
    for name in [path.name for path in (copy / "images").iterdir()][1:]:
        shutil.rmtree(copy / "images" / name)
    (left,) = [path.name for path in (copy / "images").iterdir()]
    with pytest.raises(UserError) as error:
        experiment.evaluate(make_config(copy), copy / "run", KEEP_RECORDED)
    assert str(copy / "run") in str(error.value)
    assert repr(left) in str(error.value)


def test_moved_data_are_the_same_data(copy):
    shutil.move(copy / "images", copy / "elsewhere")
    shutil.move(copy / "elsewhere", copy / "deep" / "images")
    config = make_small_config(copy / "deep" / "images", copy / "data2", **FIELDS)
    before = read_results(copy / "run")
    experiment.evaluate(config, copy / "run")
    assert read_results(copy / "run")["test"] == before["test"]


@pytest.mark.parametrize("change", [*CHANGES, "several images"])
def test_a_finished_run_notes_that_its_data_changed(copy, caplog, change):
    if change == "several images":
        for number in range(3):
            add_image(copy, f"red/9{number}.png", 10 * number)
        for number in range(2):
            (copy / "images" / "blue" / f"0{number}.png").unlink()
        words = ["3 images added", "2 images removed"]
    else:
        apply, words = CHANGES[change]
        apply(copy)
    line = experiment.run(make_config(copy), copy / "run")
    assert line.startswith("already finished")
    (note,) = [record.getMessage() for record in caplog.records]
    assert "\n" not in note
    assert all(word in note for word in [*words, str(copy / "run"), "--workdir"])


@pytest.mark.parametrize("change", ["nothing", "moved", "gone", "kept"])
def test_a_finished_run_on_its_own_data_has_no_note(copy, caplog, monkeypatch, change):
    policy = KEEP_RECORDED if change == "kept" else REJECT_CHANGES
    if change == "kept":
        add_image(copy, "red/99.png")
    elif change != "nothing":
        shutil.move(copy / "images", copy / "elsewhere")
    config = make_config(copy) if change in ("nothing", "kept") else None
    if change == "moved":
        config = make_small_config(copy / "elsewhere", copy / "data", **FIELDS)
    elif change == "gone":
        config = make_small_config(copy / "elsewhere", copy / "data", **FIELDS)
        config.data.path = str(copy / "images")
    elif change == "nothing":
        experiment.run(config, copy / "run")  # prepares the copied folder
        monkeypatch.setattr(cache, "write_cache", None)
        monkeypatch.setattr(decode, "open_image", None)
    assert experiment.run(config, copy / "run", policy).startswith("already finished")
    assert not caplog.records


def test_a_finished_run_notes_images_that_cannot_be_used(copy, caplog):
    (copy / "images" / "red" / "99.png").write_bytes(b"\x89PNG\r\n\x1a\nxx")
    assert experiment.run(make_config(copy), copy / "run").startswith("already finished")
    (note,) = [record.getMessage() for record in caplog.records]
    assert "99.png" in note
    assert "--workdir" in note


def interrupt(base):
    """Makes the finished run one that was interrupted."""
    for name in ("report.html", "results.json", "predictions.csv"):
        (base / "run" / name).unlink()


def test_an_interrupted_run_is_not_resumed_on_other_images(copy):
    interrupt(copy)
    add_image(copy, "blue/99.png")
    with pytest.raises(UserError, match=r"blue/99\.png.*--on-changed-data=keep"):
        experiment.run(make_config(copy), copy / "run")
    experiment.run(make_config(copy), copy / "run", KEEP_RECORDED)
    assert read_results(copy / "run")["data_changes"]["added"] == ["blue/99.png"]


def test_training_is_not_resumed_without_a_training_image(copy):
    interrupt(copy)
    lost = RunDir(copy / "run").data_record.splits["train"].ids[0]
    (copy / "images" / lost).unlink()
    with pytest.raises(UserError, match=r"1 of the .*'train'"):
        experiment.run(make_config(copy), copy / "run", KEEP_RECORDED)


def load_in_study(base, on_changed, seed=0, **fields):
    """The data of one run of a study, as its process loads them."""
    config = make_config(base)
    config.update_from_flattened_dict({"seed": seed, **fields})
    policy = DataPolicy(on_changed, base / "study" / "data")
    run_dir = RunDir(base / "study" / f"{seed}")
    return load_run_data(resolve(config), run_dir, policy, training=True).dataset


def test_runs_of_a_study_use_the_same_images(copy):
    first = load_in_study(copy, "reject")
    check_shared_records(copy / "study" / "data", "reject")
    add_image(copy, "red/99.png")
    with pytest.raises(UserError, match=r"red/99\.png.*--on-changed-data=keep"):
        check_shared_records(copy / "study" / "data", "reject")
    with pytest.raises(UserError, match=r"red/99\.png"):
        load_in_study(copy, "reject", seed=1)
    check_shared_records(copy / "study" / "data", "keep")
    for fields in ({}, {"data.size": (8, 8)}):  # pixels may differ between the runs of a study
        later = load_in_study(copy, "keep", seed=1, **fields)
        for name, split in first.splits.items():
            assert later.splits[name].ids == split.ids


def test_another_fold_is_another_record(copy):
    ids = [
        load_in_study(copy, "reject", **{"data.folds": 3, "data.fold": fold}).splits["valid"].ids
        for fold in range(3)
    ]
    assert sum(map(len, ids)) == len(set().union(*ids))
    assert len(list((copy / "study" / "data").glob("*.json"))) == 3


def test_a_run_directory_among_the_images_is_refused(copy):
    with pytest.raises(UserError, match="inside the folder of images") as error:
        experiment.run(make_config(copy), copy / "images" / "runs" / "a")
    assert str(copy / "images") in str(error.value)


def test_data_json_names_classes_and_hashes(finished):
    content = json.loads((finished / "run" / "data.json").read_text())
    assert content["classes"] == ["blue", "green", "red"]
    assert set(content["splits"]) == {"train", "valid", "test"}
    for split in content["splits"].values():
        assert len(split["ids"]) == len(split["hashes"]) == len(split["labels"])
        assert len(set(split["hashes"])) == len(split["hashes"])
