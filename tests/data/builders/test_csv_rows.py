"""CSV files as users and spreadsheets write them."""

import pytest

from gv_jax.data.builders.csv_rows import read_csv
from gv_jax.errors import UserError


def read_rows(tmp_path, text, encoding="utf-8"):
    (tmp_path / "t.csv").write_bytes(text.encode(encoding))
    rows = read_csv(tmp_path / "t.csv", ("a", "b"))
    return [(row.line, row.values["a"], row.values["b"]) for row in rows]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a,b\n1,2\n", [(2, "1", "2")]),
        # byte order mark, empty line, no line end at the end
        ("\ufeffb,a\r\n2, 1 \r\n\r\n4,3", [(2, "1", "2"), (4, "3", "4")]),
        ('x,a,b\n0,"one, two","3\n4"\n5,6,7\n', [(3, "one, two", "3\n4"), (4, "6", "7")]),
        ("a,b\n1\n", [(2, "1", "")]),
        ("a,b\n1,2,3\n", [(2, "1", "2")]),
        ("a,b\n,\n", []),
    ],
)
def test_rows(tmp_path, text, expected):
    assert read_rows(tmp_path, text) == expected


@pytest.mark.parametrize(
    ("text", "encoding", "message"),
    [
        ("a,c\n", "utf-8", r"t.csv: .*'b'.* 'a', 'c'\."),
        ("", "utf-8", r"t.csv: .*'a'.* none\."),
        ("a,c\n1,2\n", "utf-16", r"t.csv: .*'b'.* 'a', 'c'\."),
        ("a,b\n1,2\0\n", "utf-8", "t.csv: .*character 0"),
        ('a,b\n"1,2\n', "utf-8", r"t.csv, line \d: "),
    ],
)
def test_invalid_files(tmp_path, text, encoding, message):
    with pytest.raises(UserError, match=message):
        read_rows(tmp_path, text, encoding=encoding)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "latin-1"]
)
def test_every_encoding_separator_and_line_end(tmp_path, encoding, separator, end):
    title = "Pokémon ½ Ü" if encoding == "latin-1" else "Pokémon \u2013 “Ü”"
    lines = ["", separator.join("xab"), "", separator.join(["0", f'"1,;|\t{title}"', " 2 "]), ""]
    rows = read_rows(tmp_path, end.join(lines), encoding)
    assert rows == [(4, f"1,;|\t{title}", "2")]


@pytest.mark.parametrize("line", ["sep=;", '"sep=;"', "SEP=;"])
def test_the_line_by_which_a_spreadsheet_names_its_separator(tmp_path, line):
    assert read_rows(tmp_path, f"{line}\na;b\n1;2,5\n") == [(3, "1", "2,5")]


def test_one_column_may_hold_commas_in_quotes(tmp_path):
    assert read_rows(tmp_path, 'a;b;"c,d,e"\n1;2;3\n') == [(2, "1", "2")]


@pytest.mark.parametrize("byte", [0x81, 0x8D, 0x8F, 0x90, 0x9D, 0xE9])
def test_every_byte_is_a_character(tmp_path, byte):
    (tmp_path / "t.csv").write_bytes(b"a,b\n" + bytes([byte]) + b",1\n")
    (row,) = read_csv(tmp_path / "t.csv", ())
    assert row.values["a"] == ("" if not chr(byte).strip() else chr(byte))


def test_missing_file(tmp_path):
    with pytest.raises(UserError, match=r"none\.csv"):
        read_csv(tmp_path / "none.csv", ())
