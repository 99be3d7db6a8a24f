"""The layout of the Kaggle data set with generated images, whose red channel encodes the figure."""

import pytest
from PIL import Image

from configs import lego_minifigures
from gv_jax.data import dataset
from gv_jax.data.builders.lego_minifigures import LegoMinifigures
from gv_jax.errors import UserError

COMMON = {"skip_broken": False, "valid_fraction": 0.2, "test_fraction": 0.1, "split_seed": 0}
SHAPE = {
    "size": (4, 4),
    "channels": 3,
    "resize_mode": "stretch",
    "interpolation": "box",
    "background": (0, 0, 0),
}
FIGURES = {
    3: ("star-wars/0001", "YODA"),
    1: ("marvel/0001", "SPIDER-MAN"),
    17: ("marvel/0002", "SPIDER-MAN"),
}
HEADER = ",path,class_id,train-valid\n"


def write_image(path, figure):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), (10 * figure, 0, 0)).save(path, "PNG")


@pytest.fixture
def folder(tmp_path):
    """Three figures, two of one name, each with two training images and one validation image."""
    root, lines = tmp_path / "in", []
    for figure, (subfolder, _) in FIGURES.items():
        for number, split in enumerate(("train", "valid", "train"), 1):
            name = f"{subfolder}/{number:03d}.jpg"
            write_image(root / name, figure)
            lines.append(f"{len(lines)},{name},{figure},{split}\n")
    (root / "index.csv").write_text(HEADER + "".join(lines))
    rows = [
        f"{index},{figure},[1],\"['a, b']\",{name}\n"
        for index, (figure, (_, name)) in enumerate(FIGURES.items())
    ]
    header = ",class_id,lego_ids,lego_names,minifigure_name\n"
    (root / "metadata.csv").write_text(header + "".join(rows))
    return root


def make_builder(folder, **options):
    options = {"root": folder.parent / "data", "path": str(folder), **COMMON, **options}
    return LegoMinifigures(**options)


def load(folder, **options):
    options = {"root": folder.parent / "data", "path": str(folder), **SHAPE, **COMMON, **options}
    return dataset.load_split_arrays("lego_minifigures", **options)


def append_line(folder, line, file="index.csv"):
    with (folder / file).open("a") as table:
        table.write(line + "\n")


def test_figures_splits_and_universes(folder):
    data = load(folder)
    assert data.classes == ("SPIDER-MAN (1)", "YODA", "SPIDER-MAN (17)")
    assert list(data.groups.values()) == ["marvel", "star-wars", "marvel"]
    assert list(data.splits) == ["train", "valid"]
    assert [len(part.ids) for part in data.splits.values()] == [6, 3]
    expected = {f"{subfolder}/002.jpg" for subfolder, _ in FIGURES.values()}
    assert set(data.splits["valid"].ids) == expected
    for part in data.splits.values():
        for image, label in zip(part.images, part.labels, strict=True):
            assert (image[..., 0] == 10 * [1, 3, 17][label]).all()


def test_a_listed_test_split(folder):
    lines = []
    for number, figure in enumerate(FIGURES, 1):
        write_image(folder / "test" / f"{number:03d}.jpg", figure)
        lines.append(f"test/{number:03d}.jpg,{figure}\n")
    (folder / "test.csv").write_text("path,class_id\n" + "".join(lines))
    builder = make_builder(folder)
    splits = builder.generate()
    assert list(splits) == ["train", "valid", "test"]
    assert [example.label for example in splits["test"]] == [1, 0, 2]
    assert set(builder.groups.values()) == {"marvel", "star-wars"}


def test_a_changed_image_is_prepared_again(folder):
    before = load(folder).splits["train"].images.copy()
    write_image(folder / "star-wars/0001/001.jpg", 9)
    assert (load(folder).splits["train"].images != before).any()


def test_the_fingerprint_is_deterministic(folder):
    assert make_builder(folder).fingerprint == make_builder(folder).fingerprint


def test_the_config_has_the_fields_of_the_builder():
    config = lego_minifigures.get_config()
    assert config.data.name == LegoMinifigures.name
    assert config.data[config.data.name].to_dict() == {}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("9,marvel/0001/009.jpg,1,train", r"index\.csv, line 11: marvel/0001/009\.jpg "),
        ("9,marvel/0001/001.jpg,1,train", r"line 11: marvel/0001/001\.jpg .*line 5"),
        ("9,marvel/0001/001.jpg,2,train", r"line 11: class_id 2 .*metadata\.csv"),
        ("9,marvel/0001/001.jpg,one,train", "line 11: class_id 'one'"),
        ("9,marvel/0001/001.jpg,1,trian", "line 11: train-valid .*'trian'.* train or valid"),
        ("9,../x.jpg,1,train", r"line 11: path '\.\./x\.jpg'"),
        ("9", "line 11: class_id ''"),
    ],
)
def test_an_invalid_line_is_refused_or_skipped(folder, line, message):
    append_line(folder, line)
    with pytest.raises(UserError, match=message):
        make_builder(folder).generate()
    builder = make_builder(folder, skip_broken=True)
    assert sum(map(len, builder.generate().values())) == 9
    assert len(builder.skipped) == 1


@pytest.mark.parametrize("file", ["index.csv", "metadata.csv"])
def test_a_missing_file(folder, file):
    (folder / file).unlink()
    with pytest.raises(UserError, match=f"{folder / file}: "):
        make_builder(folder)


def test_a_missing_column(folder):
    text = (folder / "index.csv").read_text().replace("train-valid", "split")
    (folder / "index.csv").write_text(text)
    with pytest.raises(UserError, match=r"'train-valid'.* 'path', 'class_id', 'split'"):
        make_builder(folder)


def test_two_names_of_one_figure(folder):
    append_line(folder, "9,1,,,VENOM", "metadata.csv")
    with pytest.raises(UserError, match=r"line 5: class_id 1 .*'SPIDER-MAN' and 'VENOM'"):
        make_builder(folder)


def test_no_folder(tmp_path):
    message = r"lego_minifigures: .*index\.csv, .*config\.data\.path=DIR"
    with pytest.raises(UserError, match=message) as caught:
        make_builder(tmp_path / "in", path="")
    assert "\n" not in str(caught.value)


def test_no_training_image(folder):
    text = (folder / "index.csv").read_text()
    (folder / "index.csv").write_text(text.replace(",train\n", ",valid\n"))
    with pytest.raises(UserError, match=r"index\.csv: .* 0 "):
        make_builder(folder)


def test_a_corrupt_image(folder):
    (folder / "marvel/0001/001.jpg").write_text("not an image")
    with pytest.raises(UserError, match=r"001\.jpg: .*config\.data\.skip_broken"):
        make_builder(folder).generate()
    assert len(make_builder(folder, skip_broken=True).generate()["train"]) == 5


def test_files_that_are_not_listed_are_counted(folder):
    assert make_builder(folder).notes == ()
    write_image(folder / "marvel/0001/900.jpg", 1)
    (folder / "marvel" / "scene.psd").touch()
    (folder / "README").touch()
    (note,) = make_builder(folder).notes
    assert note.startswith(f"{folder}: ")
    for part in ("1 .jpg", "1 .psd", "1 file without a suffix"):
        assert part in note
    assert ".csv" not in note
    assert note in load(folder).warnings
