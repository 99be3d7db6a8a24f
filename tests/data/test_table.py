"""CSV files as people and spreadsheets write them."""

import pytest

from gv_jax.data.builders.csv_rows import read_csv
from gv_jax.errors import UserError


def rows(tmp_path, text, needed=("a", "b"), encoding="utf-8"):
    (tmp_path / "t.csv").write_bytes(text.encode(encoding))
    return [
        (row.line, row.values["a"], row.values["b"]) for row in read_csv(tmp_path / "t.csv", needed)
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a,b\n1,2\n", [(2, "1", "2")]),
        (
            "\ufeffb,a\r\n2, 1 \r\n\r\n4,3",
            [(2, "1", "2"), (4, "3", "4")],
        ),  # a mark, an empty line, no last line end
        ('x,a,b\n0,"one, two","3\n4"\n5,6,7\n', [(3, "one, two", "3\n4"), (4, "6", "7")]),
        ("a,b\n1\n", [(2, "1", "")]),
        ("a,b\n1,2,3\n", [(2, "1", "2")]),
        ("a,b\n,\n", []),
    ],
)
def test_rows(tmp_path, text, expected):
    assert rows(tmp_path, text) == expected


@pytest.mark.parametrize(
    ("text", "encoding", "said"),
    [
        ("a,c\n", "utf-8", r"t.csv: has no column 'b'; its columns are 'a', 'c'\."),
        ("", "utf-8", r"has no column 'a'; its columns are none\."),
        ("a,b\né,1\n", "latin-1", "cannot be read as text in UTF-8"),
        ('a,b\n"1,2\n', "utf-8", r"t.csv, line \d: is no row of a CSV file"),
    ],
)
def test_refused(tmp_path, text, encoding, said):
    with pytest.raises(UserError, match=said):
        rows(tmp_path, text, encoding=encoding)


def test_no_file(tmp_path):
    with pytest.raises(UserError, match=r"none.csv: no such file"):
        read_csv(tmp_path / "none.csv", ())
