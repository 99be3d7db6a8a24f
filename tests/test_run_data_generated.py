"""A run on a fraction of the training images and on generated ones."""

import shutil

import numpy as np
import pytest
from PIL import Image

from gv_jax import experiment
from gv_jax.config.resolve import resolve
from gv_jax.errors import UserError
from gv_jax.inference.stored.neighbors import read_neighbors
from gv_jax.run_data import DataPolicy, check_shared_records, hash_source, load_run_data
from gv_jax.training.run_dir import RunDir
from tests.runs.runs import make_small_config, read_results

CLASSES = ("blue", "green", "red")


@pytest.fixture(autouse=True)
def strict():
    """Optax promotes dtypes itself."""


def write_generated(folder, name, value):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((16, 16, 3), value, np.uint8)).save(folder / name)


@pytest.fixture
def base(shapes, tmp_path):
    """Images of three classes, and two generated ones of each."""
    shutil.copytree(shapes, tmp_path / "images")
    for number, name in enumerate(CLASSES):
        for index in range(2):
            write_generated(tmp_path / "generated", f"{name}/{index}.png", 10 * number + index)
    return tmp_path


def make_config(base, **fields):
    fields = {"data.generated": str(base / "generated"), "data.train_fraction": 0.5, **fields}
    return make_small_config(base / "images", base / "data", **{"train.epochs": 2, **fields})


CHANGES = {
    "an image added": lambda folder: write_generated(folder, "red/7.png", 200),
    "an image removed": lambda folder: (folder / "red" / "1.png").unlink(),
    "an image replaced": lambda folder: write_generated(folder, "red/1.png", 200),
    "the folder removed": shutil.rmtree,
}


def test_a_run_knows_its_generated_images(base):
    config = make_config(base)
    experiment.run(config, base / "run")
    splits = (RunDir(base / "run").data_record or pytest.fail("no record")).splits
    generated = [id_ for id_ in splits["train"].ids if id_.startswith("generated/")]
    assert generated == [f"generated/{name}/{index}.png" for name in CLASSES for index in range(2)]
    assert not any(
        id_.startswith("generated/") for name in ("valid", "test") for id_ in splits[name].ids
    )
    assert read_results(base / "run")["train"]["count"] == len(splits["train"].ids)
    assert set(read_neighbors(base / "run").ids) == set(splits["train"].ids)
    test = read_results(base / "run")["test"]
    experiment.evaluate(config, base / "run")
    assert read_results(base / "run")["test"] == test
    for name in ("report.html", "results.json", "predictions.csv"):  # as if interrupted
        (base / "run" / name).unlink()
    shutil.copytree(base / "generated", base / "before")
    for change in CHANGES.values():
        change(base / "generated")
        with pytest.raises(UserError, match="generated") as error:
            experiment.run(config, base / "run")
        assert "\n" not in str(error.value)
        shutil.rmtree(base / "generated", ignore_errors=True)
        shutil.copytree(base / "before", base / "generated")
    experiment.run(config, base / "run")
    assert read_results(base / "run")["test"] == test


def load_in_study(base, seed=0, **fields):
    config = resolve(make_config(base, seed=seed, **fields))
    run_dir, policy = RunDir(base / "study" / f"{seed}"), DataPolicy(records=base / "records")
    return load_run_data(config, run_dir, policy, training=True).dataset


def test_runs_of_a_study_share_records_by_fraction_and_folder(base):
    whole = load_in_study(base, **{"data.train_fraction": 1.0}).splits["train"].ids
    half = load_in_study(base).splits["train"].ids
    assert set(half) < set(whole)
    assert load_in_study(base, seed=1).splits["train"].ids == half
    plain = load_in_study(base, **{"data.generated": ""}).splits["train"].ids
    assert set(plain) < set(half)
    assert len(list((base / "records").glob("*.json"))) == 3
    check_shared_records(base / "records", "reject")
    CHANGES["an image replaced"](base / "generated")
    with pytest.raises(UserError, match=r"1 image modified \(generated/red/1\.png\)"):
        check_shared_records(base / "records", "reject")


def test_records_of_older_studies_are_found(base):
    data = resolve(make_config(base, **{"data.generated": "", "data.train_fraction": 1.0})).data
    new = {"task": "classification", "data": data.to_dict()}
    old = {name: value for name, value in new["data"].items() if "generated" not in name}
    del old["train_fraction"]
    assert hash_source({**new, "data": old}) == hash_source(new)


def test_a_run_directory_among_the_generated_images_is_refused(base):
    with pytest.raises(UserError, match="generated"):
        experiment.run(make_config(base), base / "generated" / "run")
