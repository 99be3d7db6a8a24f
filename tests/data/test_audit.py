"""The audit of a small folder with known flaws, and training without leaks."""

import io
import json
from pathlib import Path

import pytest
from PIL import Image

from gv_jax.data import audit, dataset
from gv_jax.errors import UserError
from tests.data.duplicates.scenes import compress_jpeg, draw_scene

ARRAYS = {
    "size": (24, 32),
    "crop_pct": 1.0,
    "channels": 3,
    "resize_mode": "stretch",
    "interpolation": "bilinear",
    "background": (0, 0, 0),
    "preprocess": "none",
}


def write_image(image: Image.Image, path: Path):
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes; test has an exact copy, a JPEG and a smaller copy of training images."""
    root = tmp_path / "images"
    for index in range(6):
        for label, seed in (("cat", 0), ("dög", 100)):
            write_image(draw_scene(seed + index), root / "train" / label / f"a {index}.png")
            write_image(draw_scene(seed + 50 + index), root / "test" / label / f"b{index}.png")
    write_image(draw_scene(0), root / "test" / "cat" / "copy ü.bmp")
    write_image(compress_jpeg(draw_scene(1), 60), root / "test" / "cat" / "jpeg.png")
    write_image(draw_scene(102).resize((64, 48)), root / "test" / "dög" / "small.png")
    write_image(draw_scene(3), root / "train" / "dög" / "wrong.png")
    flat = Image.new("RGBA", (40, 40), (1, 2, 3, 255))
    write_image(flat, root / "train" / "cat" / "flat.png")
    write_image(draw_scene(9).resize((12, 40)), root / "train" / "cat" / "thin.png")
    write_image(draw_scene(10).convert("L"), root / "train" / "cat" / "gray.png")
    return root


def data_section(folder: Path, **changes):
    """The fields of config.data for the folder."""
    return {
        "name": "image_folder",
        "root": str(folder.parent / "data"),
        "path": str(folder),
        "skip_broken": False,
        "valid_fraction": 0.0,
        "test_fraction": 0.0,
        "split_seed": 0,
        "image_folder": {"group_pattern": ""},
        "drop_leaks": False,
        "folds": 0,
        **ARRAYS,
        **changes,
    }


def prepare(folder: Path):
    return dataset.prepare_builder(data_section(folder))


def load(folder: Path, **changes):
    return dataset.load_dataset(data_section(folder, **changes), multi_label=False)


def test_every_flaw_is_found(folder):
    result = audit.audit_dataset(prepare(folder))
    assert {(group.kind, group.files) for group in result.groups} == {
        ("exact", ("train/cat/a 0.png", "test/cat/copy ü.bmp")),
        ("near", ("train/cat/a 1.png", "test/cat/jpeg.png")),
        ("near", ("train/dög/a 2.png", "test/dög/small.png")),
        ("exact", ("train/cat/a 3.png", "train/dög/wrong.png")),
    }
    assert result.leaks == {"test": {"exact": 1, "near": 2}}
    assert result.leaked == {"train/cat/a 0.png", "train/cat/a 1.png", "train/dög/a 2.png"}
    assert [group.labels for group in result.conflicts] == [("cat", "dög")]
    assert result.tiny == ("train/cat/thin.png",)
    assert result.constant == ("train/cat/flat.png",)
    assert result.balance == {"train": {"cat": 9, "dög": 7}, "test": {"cat": 8, "dög": 7}}
    assert result.counts == {"train": 16, "test": 15}
    assert result.sizes == {"128x96": 28, "64x48": 1, "40x40": 1, "12x40": 1}
    assert result.modes == {"RGB": 29, "RGBA": 1, "L": 1}
    assert [group.leaking for group in result.groups] == [True, True, True, False]
    assert result.summary == {
        "leaks": {"test": {"exact": 1, "near": 2}},
        "leaked_train_images": 3,
        "label_conflicts": 1,
        "exact_groups": 2,
        "near_groups": 2,
        "tiny": 1,
        "constant": 1,
    }


def test_indices_are_those_of_the_images_in_their_split(folder):
    builder = prepare(folder)
    for group in audit.audit_dataset(builder).groups:
        for file, split, index in zip(group.files, group.splits, group.indices, strict=True):
            with Image.open(folder / file) as image:
                assert builder.load_image(split, index).tobytes() == image.tobytes()


def test_it_is_stored_and_recomputed_only_if_damaged(folder, monkeypatch):
    builder = prepare(folder)
    first = audit.audit_dataset(builder)
    assert audit.audit_from_json(json.loads(json.dumps(audit.audit_to_json(first)))) == first
    path = builder.data_path / f"audit-{audit.AUDIT_VERSION}.json"
    path.write_text(path.read_text()[:50])
    assert audit.audit_dataset(builder) == first
    monkeypatch.setattr(audit, "compute_audit", None)
    assert audit.audit_dataset(builder) == first


def test_leaks_are_dropped_from_train_only(folder):
    full, without_leaks = load(folder), load(folder, drop_leaks=True)
    train, reduced = full.splits["train"], without_leaks.splits["train"]
    leaked = audit.audit_dataset(prepare(folder)).leaked
    assert set(train.ids) - set(reduced.ids) == leaked
    assert without_leaks.splits["test"].ids == full.splits["test"].ids
    indices = [train.ids.index(image_id) for image_id in reduced.ids]
    assert (reduced.images == train.images[indices]).all()
    assert (reduced.labels == train.labels[indices]).all()
    assert load(folder).splits["train"].ids == train.ids


def test_a_class_without_training_images_after_dropping_leaks(folder):
    for index in range(6):
        write_image(draw_scene(100 + index), folder / "test" / "dög" / f"c{index}.png")
    (folder / "train" / "dög" / "wrong.png").unlink()
    with pytest.raises(UserError, match=r"'dög': .*config\.data\.drop_leaks"):
        load(folder, drop_leaks=True)


def test_without_another_split_nothing_leaks(folder):
    (folder / "test").rename(folder.parent / "moved")
    result = audit.audit_dataset(prepare(folder))
    assert result.leaks == {}
    assert not result.leaked


def test_a_jpeg_is_audited_as_stored(folder):
    buffer = io.BytesIO()
    draw_scene(4).save(buffer, "JPEG", quality=90)
    (folder / "test" / "cat" / "four.jpg").write_bytes(buffer.getvalue())
    assert audit.audit_dataset(prepare(folder)).leaks == {"test": {"exact": 1, "near": 3}}


def test_images_of_one_color_are_listed_apart(tmp_path):
    """Equal plain tiles are neither leaks nor label conflicts."""
    root = tmp_path / "images"
    for label, seed in (("cat", 0), ("dog", 20)):
        for split in ("train", "test"):
            write_image(draw_scene(seed + len(split)), root / split / label / "a.png")
            write_image(Image.new("RGB", (16, 16), (9, 9, 9)), root / split / label / "plain.png")
    result = audit.audit_dataset(prepare(root))
    assert result.groups == ()
    assert result.leaked == frozenset()
    assert len(result.constant) == 4


def test_each_pair_states_how_it_is_related(folder):
    groups = audit.audit_dataset(prepare(folder)).groups
    relations = {(first, second): how for group in groups for first, second, how in group.relations}
    assert relations["train/cat/a 0.png", "test/cat/copy ü.bmp"] == "equal"
    assert relations["train/cat/a 3.png", "train/dög/wrong.png"] == "equal"
    assert relations["train/cat/a 1.png", "test/cat/jpeg.png"] == "recompressed"
    assert relations["train/dög/a 2.png", "test/dög/small.png"].startswith("scaled x0.5")
    assert len(relations) == 4
