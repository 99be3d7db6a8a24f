"""The data set of generated covers: copies, titles, labels, report."""

import json
from collections import Counter

import numpy as np
import pytest

from configs import game_covers
from gv_jax.data import dataset
from gv_jax.errors import UserError
from tests.data.builders.covers import (
    COMMON,
    GENRES,
    cover_names,
    make_builder,
    write_covers,
    write_csv,
)

SHAPE = {
    "size": (8, 8),
    "channels": 3,
    "resize_mode": "stretch",
    "interpolation": "box",
    "background": (0, 0, 0),
}


@pytest.fixture
def folder(tmp_path):
    return write_covers(tmp_path / "in")


def load(folder, **options):
    options = {"root": folder.parent / "data", "path": str(folder), **SHAPE, **COMMON, **options}
    return dataset.load_split_arrays("game_covers", **options)


def image_labels(data):
    """Id -> label, or multi-hot labels."""
    return {
        image_id: label
        for part in data.splits.values()
        for image_id, label in zip(part.ids, part.labels, strict=True)
    }


class TestFolders:
    def test_copies_are_removed_and_titles_are_in_one_split(self, folder):
        builder = make_builder(folder)
        splits = builder.generate()
        split_of = {example.id: split for split, part in splits.items() for example in part}
        assert len(split_of) == 34 - 2
        assert "fighting/fighting game b (Europe).png" in split_of
        assert "fighting/fighting game b (USA).png" not in split_of
        variants = [image_id for image_id in split_of if "sport game a" in image_id.lower()]
        assert len(variants) == 3
        assert len({split_of[image_id] for image_id in variants}) == 1
        group = builder.group_of("sport/Sport Game A (Japan).png")
        assert {name for name in split_of if builder.group_of(name) == group} == set(variants)
        for split in ("valid", "test"):
            counts = Counter(example.label for example in splits[split])
            assert all(abs(count - 2) <= 1 for count in counts.values())

    @pytest.mark.parametrize(
        ("genres", "expected"), [((), "fighting"), (("puzzle", "fighting", "sport"), "puzzle")]
    )
    def test_a_copy_in_two_genres_has_the_label_of_higher_priority(self, folder, genres, expected):
        builder = make_builder(folder, genres=genres)
        examples = [example for part in builder.generate().values() for example in part]
        copies = ("fighting/fighting game f (USA).png", "puzzle/Mixed Game.png")
        (label,) = [example.label for example in examples if example.id in copies]
        assert builder.classes[label] == expected

    def test_multi_label_has_all_genres_and_the_same_splits(self, folder):
        data = load(folder, multi_label=True)
        rows = image_labels(data)
        assert all(row.dtype == np.float32 for row in rows.values())
        assert rows["fighting/fighting game f (USA).png"].tolist() == [1, 1, 0]
        assert rows["sport/sport game c (USA).png"].tolist() == [0, 0, 1]
        single_label = load(folder)
        for split, part in data.splits.items():
            assert part.ids == single_label.splits[split].ids

    def test_selected_genres(self, folder):
        builder = make_builder(folder, genres=("sport", "puzzle"))
        builder.generate()
        assert builder.classes == ("sport", "puzzle")
        (warning,) = builder.warnings
        assert warning.startswith(f"{folder}: 11 covers ")
        assert "sport, puzzle" in warning

    def test_removed_copies_are_a_warning(self, folder):
        builder = make_builder(folder)
        builder.generate()
        (warning,) = builder.warnings
        assert "2 copies of 2 covers" in warning
        assert "copies of 1 covers have different genres" in warning


class TestReport:
    @pytest.fixture
    def report(self, folder):
        builder = make_builder(folder)
        builder.generate()
        return builder.report

    def test_is_stored(self, folder):
        for _ in range(2):
            builder = make_builder(folder)
            builder.prepare()
            assert json.loads((builder.data_path / "report.json").read_text()) == builder.report

    def test_totals(self, report):
        assert (report["raw"], report["kept"]) == (34, 32)
        assert sum(report["splits"].values()) == 32
        assert report["titles"] == {"count": 30, "with_several_covers": 1}
        assert report["duplicates"] == {
            "removed": 2,
            "groups": 2,
            "exact_groups": 1,
            "near_groups": 1,
            "groups_across_genres": 1,
        }

    def test_rows_per_class(self, report):
        rows = {row["class"]: row for row in report["classes"]}
        counts = {name: (row["raw"], row["kept"], row["all_genres"]) for name, row in rows.items()}
        assert counts == {"fighting": (11, 10, 10), "puzzle": (11, 10, 11), "sport": (12, 12, 12)}
        for row in rows.values():
            assert row["train"] + row["valid"] + row["test"] == row["kept"]

    def test_groups_of_copies(self, report):
        groups = {group["kind"]: group for group in report["duplicate_groups"]}
        near, exact = groups["near"], groups["exact"]
        assert near["kept"] == "fighting/fighting game b (Europe).png"
        assert near["removed"] == ["fighting/fighting game b (USA).png"]
        assert not near["across_genres"]
        assert exact["across_genres"]
        assert (exact["genres"], exact["label"]) == (["fighting", "puzzle"], "fighting")


class TestCsv:
    @pytest.fixture
    def listed(self, folder):
        """Every cover of fighting and puzzle is also indie; capitals differ."""
        lines = ["Filename,Title,Genres"]
        for name in cover_names(folder):
            genre, _, title = name.partition("/")
            extra = "" if genre == "sport" else "|Indie"
            lines.append(f"{name},{title},{genre.upper() if 'game a' in name else genre}{extra}")
        write_csv(folder, *lines)
        return folder

    def test_several_genres_per_cover(self, listed):
        data = load(listed, multi_label=True)
        classes = [genre.casefold() for genre in data.classes]
        assert classes == ["fighting", "indie", "puzzle", "sport"]
        counts = sum(part.labels.sum(0) for part in data.splits.values())
        assert counts.tolist() == [10, 20, 11, 12]

    def test_a_genre_that_is_never_the_first_one_needs_multi_label(self, listed):
        with pytest.raises(UserError, match=r"'puzzle': .*config.task=multi_label"):
            load(listed)
        splits = make_builder(listed, genres=GENRES).generate()
        assert sum(map(len, splits.values())) == 32

    def test_an_invalid_line_is_refused_or_skipped(self, folder):
        rows = [f"{name},{name.partition('/')[0]}" for name in cover_names(folder)]
        write_csv(folder, "path,genre", *rows, "fighting/none.png,fighting")
        with pytest.raises(UserError, match=r"line 36: fighting/none\.png "):
            make_builder(folder).generate()
        builder = make_builder(folder, skip_broken=True)
        builder.generate()
        assert len(builder.skipped) == 1


class TestErrors:
    def test_no_path(self, folder):
        with pytest.raises(UserError, match=r"config.data.path=DIR"):
            make_builder(folder, path="")

    def test_a_root_inside_the_folder(self, folder):
        with pytest.raises(UserError, match=r"config.data.root=DIR"):
            make_builder(folder, root=folder / "data")

    def test_a_corrupt_cover(self, folder):
        (folder / "sport" / "sport game c (USA).png").write_text("not an image")
        with pytest.raises(UserError, match=r"c \(USA\)\.png: .*config\.data\.skip_broken"):
            make_builder(folder).generate()
        builder = make_builder(folder, skip_broken=True)
        builder.generate()
        assert len(builder.skipped) == 1


def test_the_config_has_the_fields_of_the_builder():
    config = game_covers.get_config()
    assert config.data.size == (224, 224)
    assert set(config.data[config.data.name]) == {"genres"}
