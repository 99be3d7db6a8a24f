"""Covers and genres from folders and CSV files."""

import pytest

from gv_jax.data.builders.cover_sources import read_covers, split_genres
from gv_jax.errors import UserError
from tests.data.builders.covers import GENRES, cover_names, write_covers, write_csv


@pytest.fixture
def folder(tmp_path):
    return write_covers(tmp_path / "in")


def test_folders_are_genres(folder):
    index = read_covers(folder, ())
    assert index.classes == GENRES
    assert [cover.name for cover in index.covers] == sorted(cover_names(folder))
    assert {cover.genres for cover in index.covers} == {(genre,) for genre in GENRES}
    assert (index.errors, index.num_unmatched) == ((), 0)


def test_selected_genres(folder):
    index = read_covers(folder, ("sport", "PUZZLE"))
    assert index.classes == ("sport", "puzzle")
    assert index.num_unmatched == 11


def test_a_cover_outside_of_the_genre_folders(folder):
    (folder / "lost.png").write_bytes(b"")
    ((origin, _),) = read_covers(folder, ()).errors
    assert origin == f"{folder}/lost.png"


@pytest.mark.parametrize(
    "text", ["RPG|Action", "RPG; Action", " RPG,Action,", "['RPG', 'Action']", '["RPG","Action"]']
)
def test_split_genres(text):
    assert split_genres(text) == ("RPG", "Action")


class TestCsv:
    def test_columns_genres_and_titles(self, folder):
        names = cover_names(folder)
        rows = [f"{name},A Title,Sport|{name.partition('/')[0].upper()}" for name in names]
        write_csv(folder, "Filename,Title,Genres", *rows)
        index = read_covers(folder, ())
        assert [genre.casefold() for genre in index.classes] == list(GENRES)
        assert {cover.title for cover in index.covers} == {"A Title"}
        assert {len(cover.genres) for cover in index.covers} == {1, 2}

    def test_lines_of_one_cover_are_merged(self, folder):
        names = cover_names(folder)
        rows = [f"{name},{name.partition('/')[0]}" for name in names]
        write_csv(folder, "path,genre", *rows, f"{names[0]},sport")
        covers = {cover.name: cover for cover in read_covers(folder, ()).covers}
        assert len(covers) == len(names)
        assert covers[names[0]].genres == ("fighting", "sport")

    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            ("fighting/none.png,fighting", "fighting/none.png "),
            ("sport/Sport Game A (Japan).png,", "sport/Sport Game A (Japan).png has no genre"),
            ("../x.png,sport", "'../x.png'"),
        ],
    )
    def test_an_invalid_line_is_an_error(self, folder, line, reason):
        rows = [f"{name},{name.partition('/')[0]}" for name in cover_names(folder)]
        write_csv(folder, "path,genre", *rows, line)
        ((origin, error),) = read_covers(folder, ()).errors
        assert origin == f"{folder}/covers.csv, line 36"
        assert reason in error

    @pytest.mark.parametrize(("header", "column"), [("path,kind", "genre"), ("url,genre", "file")])
    def test_a_missing_column(self, folder, header, column):
        write_csv(folder, header, "a.png,sport")
        columns = ", ".join(repr(name) for name in header.split(","))
        with pytest.raises(UserError, match=rf"covers\.csv: .*{column} column.* {columns}\."):
            read_covers(folder, ())


class TestErrors:
    def test_no_folder(self, tmp_path):
        with pytest.raises(UserError, match=f"{tmp_path}/in: .*config.data.path=DIR"):
            read_covers(tmp_path / "in", ())

    def test_several_csv_files(self, folder):
        write_csv(folder, "path,genre", "a.png,sport")
        (folder / "other.csv").write_text("x")
        with pytest.raises(UserError, match=r" 2 .*\(covers\.csv, other\.csv\)"):
            read_covers(folder, ())

    def test_one_genre(self, folder):
        with pytest.raises(UserError, match=r" 1 genres \('sport'\)"):
            read_covers(folder, ("sport",))

    def test_an_unknown_genre(self, folder):
        with pytest.raises(UserError, match=r"game_covers.genres.*'sports'.*'sport'"):
            read_covers(folder, ("sports", "puzzle"))

    def test_split_folders(self, folder):
        (folder / "train").mkdir()
        for genre in GENRES:
            (folder / genre).rename(folder / "train" / genre)
        with pytest.raises(UserError, match=r"\(train\).*config\.data\.name=image_folder"):
            read_covers(folder, ())
