"""Made-up covers: patterns that differ, each drawn from its own seed, and copies of them."""

import json
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from configs import game_covers
from gv_jax.data import dataset
from gv_jax.data.builders.game_covers import GameCovers
from gv_jax.errors import UserError

COMMON = {
    "skip_broken": False,
    "valid_fraction": 0.2,
    "test_fraction": 0.2,
    "split_seed": 0,
    "genres": (),
}
SHAPE = {
    "size": (8, 8),
    "channels": 3,
    "fit": "stretch",
    "interpolation": "box",
    "background": (0, 0, 0),
}


def cover(path, seed, size=(48, 64), quality=95):
    """A pattern of 6x8 coloured blocks that only `seed` decides."""
    path.parent.mkdir(parents=True, exist_ok=True)
    blocks = np.random.default_rng(seed).integers(0, 256, (8, 6, 3), dtype=np.uint8)
    picture = Image.fromarray(blocks).resize((48, 64), Image.Resampling.BICUBIC).resize(size)
    picture.save(path, **({"quality": quality} if path.suffix == ".jpg" else {}))


@pytest.fixture
def folder(tmp_path):
    """Ten games of each of three genres, one with three covers, one whose cover stands in two genres."""
    place = tmp_path / "in"
    for number, genre in enumerate(("fighting", "puzzle", "sport")):
        for game in range(10):
            cover(
                place / genre / f"{genre} game {'abcdefghij'[game]} (USA).png", 100 * number + game
            )
    for version, tag in enumerate(("Europe", "Japan"), 1):
        cover(place / "sport" / f"Sport Game A ({tag}).png", 1000 + version)
    cover(
        place / "fighting" / "fighting game b (Europe).png", 1, size=(96, 128)
    )  # a near copy, larger
    cover(place / "puzzle" / "Mixed Game.png", 5)  # the same picture as a fighting game
    return place


def builder(folder, **options):
    return GameCovers(root=folder.parent / "data", path=str(folder), **{**COMMON, **options})


def load(folder, **options):
    options = {"root": folder.parent / "data", "path": str(folder), **SHAPE, **COMMON, **options}
    return dataset.load_split_arrays("game_covers", **options)


def write(folder, *lines):
    (folder / "covers.csv").write_text("\n".join(lines) + "\n")


class TestFolders:
    def test_copies_are_left_out_and_titles_stay_together(self, folder):
        data = load(folder)
        ids = {name: split for split, part in data.splits.items() for name in part.ids}
        assert len(ids) == 34 - 2
        assert "fighting/fighting game b (Europe).png" in ids
        assert "fighting/fighting game b (USA).png" not in ids
        variants = [split for name, split in ids.items() if "sport game a" in name.lower()]
        assert len(variants) == 3
        assert len(set(variants)) == 1
        made = builder(folder)
        alike = [
            name for name in ids if made.group(name) == made.group("sport/Sport Game A (Japan).png")
        ]
        assert sorted(alike) == sorted(name for name in ids if "sport game a" in name.lower())
        for split, count in (("valid", 2), ("test", 2)):
            assert all(
                abs(value - count) <= 1
                for value in Counter(data.splits[split].labels.tolist()).values()
            )

    def test_a_copy_across_genres_has_the_genre_that_comes_first(self, folder):
        shared = ("fighting/fighting game f (USA).png", "puzzle/Mixed Game.png")
        for genres, label in (((), "fighting"), (("puzzle", "fighting", "sport"), "puzzle")):
            data = load(folder, genres=genres)
            labels = {
                name: data.classes[label]
                for part in data.splits.values()
                for name, label in zip(part.ids, part.labels, strict=True)
            }
            assert [labels[name] for name in shared if name in labels] == [label]

    def test_a_copy_across_genres_has_both_where_a_picture_may_have_several(self, folder):
        data = load(folder, several=True)
        rows = {
            name: row
            for part in data.splits.values()
            for name, row in zip(part.ids, part.labels, strict=True)
        }
        assert all(row.dtype == np.float32 for row in rows.values())
        assert rows["fighting/fighting game f (USA).png"].tolist() == [1, 1, 0]
        assert rows["sport/sport game c (USA).png"].tolist() == [0, 0, 1]
        assert {split: part.ids for split, part in data.splits.items()} == {
            split: part.ids for split, part in load(folder).splits.items()
        }

    def test_the_report_counts_what_came_and_what_stayed(self, folder):
        made = builder(folder)
        made.prepare()
        report = json.loads((made.data_path / "report.json").read_text())
        assert report == builder_again(folder).report
        assert (report["raw"], report["kept"]) == (34, 32)
        assert report["duplicates"] == {
            "removed": 2,
            "groups": 2,
            "exact_groups": 1,
            "near_groups": 1,
            "groups_across_genres": 1,
        }
        rows = {row["class"]: row for row in report["classes"]}
        assert {
            name: (row["raw"], row["kept"], row["all_genres"]) for name, row in rows.items()
        } == {
            "fighting": (11, 10, 10),
            "puzzle": (11, 10, 11),
            "sport": (12, 12, 12),
        }
        for row in rows.values():
            assert row["train"] + row["valid"] + row["test"] == row["kept"]
        assert sum(report["splits"].values()) == 32
        near = next(group for group in report["duplicate_groups"] if group["kind"] == "near")
        assert near["kept"] == "fighting/fighting game b (Europe).png"
        assert near["removed"] == ["fighting/fighting game b (USA).png"]
        across = next(group for group in report["duplicate_groups"] if group["across_genres"])
        assert (across["genres"], across["label"]) == (["fighting", "puzzle"], "fighting")

    def test_only_genres_asked_for(self, folder):
        data = load(folder, genres=("sport", "puzzle"))
        assert data.classes == ("sport", "puzzle")
        assert data.remarks == (f"{folder}: 11 covers are of none of the genres taken",)

    def test_copies_are_remarked_on(self, folder):
        said = "2 copies were left out, of 2 covers, of which 1 stood in more than one genre: report.json names them"
        assert load(folder).remarks == (said,)


def builder_again(folder):
    made = builder(folder)
    made.prepare()
    return made


class TestTable:
    @pytest.fixture
    def listed(self, folder):
        """Every cover of fighting and puzzle is also indie; capitals differ."""
        lines = ["Filename,Title,Genres"]
        for path in sorted(folder.rglob("*.png")):
            name = path.relative_to(folder)
            more = "" if name.parts[0] == "sport" else "|Indie"
            lines.append(
                f"{name},{path.name},{name.parts[0].upper() if 'game a' in path.name else name.parts[0]}{more}"
            )
        write(folder, *lines)
        return folder

    def test_several_genres_of_a_cover(self, listed):
        data = load(listed, several=True)
        assert [genre.casefold() for genre in data.classes] == [
            "fighting",
            "indie",
            "puzzle",
            "sport",
        ]
        counts = sum(part.labels.sum(0) for part in data.splits.values())
        assert counts.tolist() == [10, 20, 11, 12]

    def test_one_genre_is_the_first_by_priority(self, listed):
        with pytest.raises(
            UserError,
            match="'puzzle': every training picture of this class also has one that comes",
        ):
            load(listed)
        data = load(listed, genres=("fighting", "puzzle", "sport"))
        assert sum(len(part.ids) for part in data.splits.values()) == 32

    def test_a_list_as_python_writes_it_and_lines_of_one_cover(self, folder):
        names = [str(path.relative_to(folder)) for path in sorted(folder.rglob("*.png"))]
        lines = [f"{name},\"['{name.partition('/')[0]}']\"" for name in names]
        write(folder, "path,genre", *lines, f"{names[0]},sport")
        rows = load(folder, several=True)
        assert sum(part.labels.sum() for part in rows.splits.values()) == 32 + 1 + 1

    @pytest.mark.parametrize(
        ("line", "said"),
        [
            ("fighting/none.png,fighting", "covers.csv, line 36: fighting/none.png is not there"),
            ("sport/Sport Game A (Japan).png,", "line 36: .* has no genre"),
            ("../x.png,sport", r"line 36: '\.\./x.png' is no path inside the folder"),
        ],
    )
    def test_a_bad_line_is_named_or_left_out(self, folder, line, said):
        names = [str(path.relative_to(folder)) for path in sorted(folder.rglob("*.png"))]
        write(folder, "path,genre", *(f"{name},{name.partition('/')[0]}" for name in names), line)
        with pytest.raises(UserError, match=said):
            load(folder)
        assert len(load(folder, skip_broken=True).skipped) == 1

    @pytest.mark.parametrize(
        ("head", "said"),
        [
            ("path,kind", "no column of the genres; call it 'genres' or"),
            ("url,genre", "no column of the pictures"),
        ],
    )
    def test_columns(self, folder, head, said):
        write(folder, head, "a.png,sport")
        with pytest.raises(UserError, match=said) as caught:
            builder(folder)
        assert head.partition(",")[0] in str(caught.value)

    def test_two_tables(self, folder):
        write(folder, "path,genre", "a.png,sport")
        (folder / "other.csv").write_text("x")
        with pytest.raises(
            UserError, match=r"holds 2 CSV files \(covers.csv, other.csv\); keep the one"
        ):
            builder(folder)


class TestRefused:
    def test_nothing_there(self, tmp_path):
        with pytest.raises(UserError, match=r"game_covers needs --config.data.path=DIR"):
            load(tmp_path / "in", path="")
        with pytest.raises(UserError, match="no such folder"):
            builder(tmp_path / "in")

    def test_one_genre_and_a_genre_that_is_not_there(self, folder):
        with pytest.raises(UserError, match=r"holds covers of 1 genres \('sport'\)"):
            builder(folder, genres=("sport",))
        with pytest.raises(UserError, match="'sports'; did you mean 'sport'"):
            builder(folder, genres=("sports", "puzzle"))

    def test_a_folder_that_is_divided_already(self, folder):
        (folder / "train").mkdir()
        for genre in ("fighting", "puzzle", "sport"):
            (folder / genre).rename(folder / "train" / genre)
        with pytest.raises(UserError, match=r"is divided already, into train\. .*image_folder"):
            builder(folder)

    def test_a_broken_cover(self, folder):
        (folder / "sport" / "sport game c (USA).png").write_text("no picture")
        with pytest.raises(
            UserError, match=r"game c \(USA\).png: is no picture .*skip_broken=True"
        ):
            load(folder)
        assert len(load(folder, skip_broken=True).skipped) == 1

    def test_a_set_of_single_labels_is_none_of_several(self, folder):
        with pytest.raises(
            UserError, match=r"image_folder has one label for each picture; .* is for game_covers"
        ):
            dataset.load_split_arrays(
                "image_folder",
                root=folder.parent / "data",
                path=str(folder),
                several=True,
                group_pattern="",
                **SHAPE,
                **{name: value for name, value in COMMON.items() if name != "genres"},
            )


def test_the_config_takes_it():
    config = game_covers.get_config()
    assert config.data.size == (224, 224)
    assert set(config.data[config.data.name]) == {"genres"}
