import pytest

from gv_jax.data.box import NO_BOX
from gv_jax.data.builders.simpsons_boxes import BoxAnnotation, read_boxes, select_box


@pytest.mark.parametrize(
    "path",
    [
        "./characters/bart/p.jpg",
        "bart/p.jpg",
        r".\characters\bart\p.jpg",
        "/home/me/simpsons_dataset/bart/p.jpg",
    ],
)
def test_only_the_end_of_a_path_counts(tmp_path, path):
    (tmp_path / "a.txt").write_text(f"{path},10,20,30,40,bart\n")
    assert read_boxes(tmp_path / "a.txt") == (
        {"bart/p.jpg": [BoxAnnotation((20, 10, 40, 30), "bart")]},
        [],
    )


def test_what_editors_leave_in_a_file(tmp_path):
    (tmp_path / "a.txt").write_bytes(
        b"\xef\xbb\xbfbart/p.jpg, 1,2 ,3,4,bart\r\n\r\nbart/p.jpg,5,6,7,8,bart"
    )
    marks, unread = read_boxes(tmp_path / "a.txt")
    assert [mark.box for mark in marks["bart/p.jpg"]] == [(2, 1, 4, 3), (6, 5, 8, 7)]
    assert unread == []


def test_lines_that_hold_no_box_are_told(tmp_path):
    (tmp_path / "a.txt").write_bytes(
        b"path,x1,y1,x2,y2,name\nbart/p.jpg,1,2,3\nbart/p.jpg,1,2,3,4,bart\n\xff\n"
    )
    marks, unread = read_boxes(tmp_path / "a.txt")
    assert list(marks) == ["bart/p.jpg"]
    assert [line.partition(":")[0] for line in unread] == ["line 1", "line 2", "line 4"]


def test_a_good_box():
    assert select_box([BoxAnnotation((0, 0, 6, 4), "bart")], "bart", 6, 4) == ((0, 0, 6, 4), [])
    assert select_box([], "bart", 6, 4) == (NO_BOX, [])


@pytest.mark.parametrize(
    ("box", "of", "why"),
    [
        (
            (0, 1, 6, 5),
            "bart",
            "box x 1 to 5, y 0 to 6 is not inside the picture (4x6), and is not used",
        ),
        (
            (0, 3, 6, 1),
            "bart",
            "box x 3 to 1, y 0 to 6 ends before it begins (4x6), and is not used",
        ),
        ((2, 0, 2, 4), "bart", "box x 0 to 4, y 2 to 2 has no area (4x6), and is not used"),
        ((0, 0, 6, 4), "lisa", "box x 0 to 4, y 0 to 6 is of lisa (4x6), and is not used"),
    ],
)
def test_a_bad_box_is_not_used_and_told(box, of, why):
    assert select_box([BoxAnnotation(box, of)], "bart", 6, 4) == (NO_BOX, [why])


def test_the_largest_of_the_good_ones():
    marks = [
        BoxAnnotation(box, "bart")
        for box in ((0, 0, 2, 2), (0, 0, 3, 3), (0, 0, 9, 9), (1, 1, 3, 3))
    ]
    box, remarks = select_box(marks, "bart", 6, 4)
    assert box == (0, 0, 3, 3)
    assert len(remarks) == 2
    assert remarks[-1] == "3 boxes, of which the largest is used"
