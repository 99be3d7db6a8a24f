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
        ("a,b\né,1\n", "latin-1", "t.csv: .*UTF-8"),
        ('a,b\n"1,2\n', "utf-8", r"t.csv, line \d: "),
    ],
)
def test_invalid_files(tmp_path, text, encoding, message):
    with pytest.raises(UserError, match=message):
        read_rows(tmp_path, text, encoding=encoding)


def test_missing_file(tmp_path):
    with pytest.raises(UserError, match=r"none\.csv"):
        read_csv(tmp_path / "none.csv", ())
