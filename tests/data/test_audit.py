"""The audit of small folders whose flaws are known, and training without what leaks."""

import io
import json
from pathlib import Path

import pytest
from PIL import Image
from tests.data.test_lookalikes import jpeg, scene

from gv_jax.data import audit, dataset
from gv_jax.errors import UserError

SHAPE = {
    "size": (24, 32),
    "channels": 3,
    "fit": "stretch",
    "interpolation": "bilinear",
    "background": (0, 0, 0),
}
OPTIONS = {
    "skip_broken": False,
    "valid_fraction": 0.0,
    "test_fraction": 0.0,
    "split_seed": 0,
    "group_pattern": "",
}


def put(image: Image.Image, path: Path):
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes, train and test. Test holds an exact copy, a JPEG and a smaller one of training pictures."""
    root = tmp_path / "pictures"
    for number in range(6):
        for label, first in (("cat", 0), ("dög", 100)):
            put(scene(first + number), root / "train" / label / f"a {number}.png")
            put(scene(first + 50 + number), root / "test" / label / f"b{number}.png")
    put(scene(0), root / "test" / "cat" / "copy ü.bmp")
    put(jpeg(scene(1), 60), root / "test" / "cat" / "jpeg.png")
    put(scene(102).resize((64, 48)), root / "test" / "dög" / "small.png")
    put(scene(3), root / "train" / "dög" / "wrong.png")
    put(Image.new("RGBA", (40, 40), (1, 2, 3, 255)), root / "train" / "cat" / "flat.png")
    put(scene(9).resize((12, 40)), root / "train" / "cat" / "thin.png")
    put(scene(10).convert("L"), root / "train" / "cat" / "grey.png")
    return root


def builder(folder: Path):
    return dataset.prepare("image_folder", root=folder.parent / "data", path=str(folder), **OPTIONS)


def load(folder: Path, **changes):
    return dataset.load_split_arrays(
        "image_folder", root=folder.parent / "data", path=str(folder), **SHAPE, **OPTIONS, **changes
    )


def test_everything_is_found(folder):
    found = audit.audit_dataset(builder(folder))
    groups = {(group.kind, group.files): group for group in found.groups}
    assert set(groups) == {
        ("exact", ("train/cat/a 0.png", "test/cat/copy ü.bmp")),
        ("near", ("train/cat/a 1.png", "test/cat/jpeg.png")),
        ("near", ("train/dög/a 2.png", "test/dög/small.png")),
        ("exact", ("train/cat/a 3.png", "train/dög/wrong.png")),
    }
    assert found.leaks == {"test": {"exact": 1, "near": 2}}
    assert found.leaked == {"train/cat/a 0.png", "train/cat/a 1.png", "train/dög/a 2.png"}
    assert [group.labels for group in found.conflicts] == [("cat", "dög")]
    assert found.tiny == ("train/cat/thin.png",)
    assert found.constant == ("train/cat/flat.png",)
    assert found.balance == {"train": {"cat": 9, "dög": 7}, "test": {"cat": 8, "dög": 7}}
    assert found.counts == {"train": 16, "test": 15}
    assert found.sizes == {"128x96": 28, "64x48": 1, "40x40": 1, "12x40": 1}
    assert found.modes == {"RGB": 29, "RGBA": 1, "L": 1}
    assert [group.leaking for group in found.groups] == [True, True, True, False]


def test_places_lead_to_the_pictures(folder):
    made = builder(folder)
    for group in audit.audit_dataset(made).groups:
        for file, split, place in zip(group.files, group.splits, group.places, strict=True):
            with Image.open(folder / file) as image:
                assert made.picture(split, place).tobytes() == image.tobytes()


def test_it_is_made_once_and_again_where_it_is_damaged(folder, monkeypatch):
    first = audit.audit_dataset(builder(folder))
    assert audit.audit_from_json(json.loads(json.dumps(audit.audit_to_json(first)))) == first
    file = builder(folder).data_path / f"audit-{audit.AUDIT_VERSION}.json"
    file.write_text(file.read_text()[:50])
    assert audit.audit_dataset(builder(folder)) == first
    monkeypatch.setattr(audit, "compute_audit", None)
    assert audit.audit_dataset(builder(folder)) == first


def test_leaks_are_dropped_from_training_only(folder):
    whole, fair = load(folder), load(folder, drop_leaks=True)
    assert (
        set(whole.splits["train"].ids) - set(fair.splits["train"].ids)
        == audit.audit_dataset(builder(folder)).leaked
    )
    assert fair.splits["test"].ids == whole.splits["test"].ids
    kept = [whole.splits["train"].ids.index(name) for name in fair.splits["train"].ids]
    assert (fair.splits["train"].images == whole.splits["train"].images[kept]).all()
    assert (fair.splits["train"].labels == whole.splits["train"].labels[kept]).all()
    assert load(folder).splits["train"].ids == whole.splits["train"].ids


def test_a_class_that_leaks_whole_is_refused(folder):
    for number in range(6):
        put(scene(100 + number), folder / "test" / "dög" / f"c{number}.png")
    (folder / "train" / "dög" / "wrong.png").unlink()
    with pytest.raises(UserError, match="'dög': every training picture"):
        load(folder, drop_leaks=True)


def test_without_a_held_out_split_nothing_leaks(folder):
    (folder / "test").rename(folder.parent / "away")
    found = audit.audit_dataset(builder(folder))
    assert found.leaks == {}
    assert not found.leaked


def test_a_jpeg_is_audited_as_it_is(folder):
    buffer = io.BytesIO()
    scene(4).save(buffer, "JPEG", quality=90)
    (folder / "test" / "cat" / "four.jpg").write_bytes(buffer.getvalue())
    assert audit.audit_dataset(builder(folder)).leaks == {"test": {"exact": 1, "near": 3}}
