"""The Kaggle layout with made-up pictures: each says by its colour whom it shows."""

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
    "fit": "stretch",
    "interpolation": "box",
    "background": (0, 0, 0),
}
FIGURES = {
    3: ("star-wars/0001", "YODA"),
    1: ("marvel/0001", "SPIDER-MAN"),
    17: ("marvel/0002", "SPIDER-MAN"),
}
HEAD = ",path,class_id,train-valid\n"


def picture(path, figure):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), (10 * figure, 0, 0)).save(path, "PNG")


@pytest.fixture
def folder(tmp_path):
    """Three figures, two of one name, each with two pictures to train on and one to validate."""
    place, lines = tmp_path / "in", []
    for figure, (below, _) in FIGURES.items():
        for number, split in enumerate(("train", "valid", "train"), 1):
            name = f"{below}/{number:03d}.jpg"
            picture(place / name, figure)
            lines.append(f"{len(lines)},{name},{figure},{split}\n")
    (place / "index.csv").write_text(HEAD + "".join(lines))
    rows = [
        f"{place},{figure},[1],['a, b'],{name}\n"
        for place, (figure, (_, name)) in enumerate(FIGURES.items())
    ]
    text = ",class_id,lego_ids,lego_names,minifigure_name\n" + "".join(rows)
    (place / "metadata.csv").write_text(text.replace("['a, b']", "\"['a, b']\""))
    return place


def load(folder, **options):
    options = {"root": folder.parent / "data", "path": str(folder), **SHAPE, **COMMON, **options}
    return dataset.load_split_arrays("lego_minifigures", **options)


def add(folder, line, file="index.csv"):
    with (folder / file).open("a") as table:
        table.write(line + "\n")


def test_figures_splits_and_universes(folder):
    data = load(folder)
    assert data.classes == ("SPIDER-MAN (1)", "YODA", "SPIDER-MAN (17)")
    assert list(data.groups.values()) == ["marvel", "star-wars", "marvel"]
    assert list(data.splits) == ["train", "valid"]
    assert [len(part.ids) for part in data.splits.values()] == [6, 3]
    assert set(data.splits["valid"].ids) == {f"{below}/002.jpg" for below, _ in FIGURES.values()}
    for part in data.splits.values():
        for image, label in zip(part.images, part.labels, strict=True):
            assert (image[..., 0] == 10 * [1, 3, 17][label]).all()


def test_a_test_is_taken_where_it_is_listed(folder):
    for number, figure in enumerate(FIGURES, 1):
        picture(folder / "test" / f"{number:03d}.jpg", figure)
    lines = [f"test/{number:03d}.jpg,{figure}\n" for number, figure in enumerate(FIGURES, 1)]
    (folder / "test.csv").write_text("path,class_id\n" + "".join(lines))
    data = load(folder)
    assert list(data.splits) == ["train", "valid", "test"]
    assert data.splits["test"].labels.tolist() == [1, 0, 2]
    assert set(data.groups.values()) == {"marvel", "star-wars"}


def test_a_changed_picture_is_noticed(folder):
    before = load(folder).splits["train"].images.copy()
    picture(folder / "star-wars/0001/001.jpg", 9)
    assert (load(folder).splits["train"].images != before).any()


def test_the_config_takes_it():
    config = lego_minifigures.get_config()
    assert config.data.name == LegoMinifigures.name
    assert config.data[config.data.name].to_dict() == {}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "9,marvel/0001/009.jpg,1,train",
            r"index.csv, line 11: marvel/0001/009.jpg is not there\. Mend it",
        ),
        (
            "9,marvel/0001/001.jpg,1,train",
            r"line 11: marvel/0001/001.jpg is listed twice, before in .*line 5",
        ),
        ("9,marvel/0001/001.jpg,2,train", "line 11: class_id 2 is not in metadata.csv"),
        ("9,marvel/0001/001.jpg,one,train", "line 11: class_id 'one' is no whole number"),
        (
            "9,marvel/0001/001.jpg,1,trian",
            "line 11: train-valid is 'trian': it must be train or valid",
        ),
        ("9,../x.jpg,1,train", r"line 11: path '\.\./x.jpg' is not one inside the folder"),
        ("9", "line 11: class_id '' is no whole number"),
    ],
)
def test_a_bad_line_is_named_or_left_out(folder, line, said):
    add(folder, line)
    with pytest.raises(UserError, match=said):
        load(folder)
    data = load(folder, skip_broken=True)
    assert len(data.skipped) == 1
    assert sum(len(part.ids) for part in data.splits.values()) == 9


@pytest.mark.parametrize("file", ["index.csv", "metadata.csv"])
def test_a_table_that_is_not_there(folder, file):
    (folder / file).unlink()
    with pytest.raises(UserError, match=f"{file}: no such file"):
        load(folder)


def test_a_column_that_is_not_there(folder):
    text = (folder / "index.csv").read_text().replace("train-valid", "split")
    (folder / "index.csv").write_text(text)
    with pytest.raises(
        UserError, match=r"no column 'train-valid'; its columns are 'path', 'class_id', 'split'"
    ):
        load(folder)


def test_two_names_of_one_figure(folder):
    add(folder, "9,1,,,VENOM", "metadata.csv")
    with pytest.raises(
        UserError, match="line 5: class_id 1 is called 'SPIDER-MAN' before and 'VENOM' here"
    ):
        load(folder)


def test_no_folder_says_what_to_put_where(tmp_path):
    with pytest.raises(
        UserError, match=r"lego_minifigures: no such folder. Put index.csv, .*path=DIR"
    ) as caught:
        load(tmp_path / "in", path="")
    assert "\n" not in str(caught.value)


def test_nothing_to_train_on(folder):
    text = (folder / "index.csv").read_text()
    (folder / "index.csv").write_text(text.replace(",train\n", ",valid\n"))
    with pytest.raises(UserError, match="lists 0 figures to train on"):
        load(folder)


def test_a_broken_picture(folder):
    (folder / "marvel/0001/001.jpg").write_text("no picture")
    with pytest.raises(UserError, match=r"001.jpg: is no picture .*skip_broken=True"):
        load(folder)
    assert len(load(folder, skip_broken=True).splits["train"].ids) == 5


def test_two_builders_agree(folder):
    one, other = (
        LegoMinifigures(root=folder.parent / "data", path=str(folder), **COMMON) for _ in range(2)
    )
    assert one.fingerprint == other.fingerprint
