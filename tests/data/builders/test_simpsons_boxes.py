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
def test_only_the_last_two_parts_of_a_path_count(tmp_path, path):
    (tmp_path / "a.txt").write_text(f"{path},10,20,30,40,bart\n")
    expected = {"bart/p.jpg": [BoxAnnotation((20, 10, 40, 30), "bart")]}
    assert read_boxes(tmp_path / "a.txt") == (expected, [])


def test_byte_order_mark_spaces_and_empty_lines(tmp_path):
    content = b"\xef\xbb\xbfbart/p.jpg, 1,2 ,3,4,bart\r\n\r\nbart/p.jpg,5,6,7,8,bart"
    (tmp_path / "a.txt").write_bytes(content)
    annotations, errors = read_boxes(tmp_path / "a.txt")
    boxes = [annotation.box for annotation in annotations["bart/p.jpg"]]
    assert boxes == [(2, 1, 4, 3), (6, 5, 8, 7)]
    assert errors == []


def test_invalid_lines_are_reported(tmp_path):
    content = b"path,x1,y1,x2,y2,name\nbart/p.jpg,1,2,3\nbart/p.jpg,1,2,3,4,bart\n\xff\n"
    (tmp_path / "a.txt").write_bytes(content)
    annotations, errors = read_boxes(tmp_path / "a.txt")
    assert list(annotations) == ["bart/p.jpg"]
    assert [line.partition(":")[0] for line in errors] == ["line 1", "line 2", "line 4"]


def test_a_valid_box():
    annotation = BoxAnnotation((0, 0, 6, 4), "bart")
    assert select_box([annotation], "bart", 6, 4) == ((0, 0, 6, 4), [])
    assert select_box([], "bart", 6, 4) == (NO_BOX, [])


@pytest.mark.parametrize(
    ("box", "character", "coordinates", "reason"),
    [
        ((0, 1, 6, 5), "bart", "x 1 to 5, y 0 to 6", "inside"),
        ((0, 3, 6, 1), "bart", "x 3 to 1, y 0 to 6", "negative"),
        ((2, 0, 2, 4), "bart", "x 0 to 4, y 2 to 2", "area"),
        ((0, 0, 6, 4), "lisa", "x 0 to 4, y 0 to 6", "lisa"),
    ],
)
def test_an_invalid_box_is_ignored_with_a_warning(box, character, coordinates, reason):
    selected, (warning,) = select_box([BoxAnnotation(box, character)], "bart", 6, 4)
    assert selected == NO_BOX
    assert all(text in warning for text in (coordinates, reason, "4x6"))


def test_the_largest_valid_box_is_used():
    boxes = (0, 0, 2, 2), (0, 0, 3, 3), (0, 0, 9, 9), (1, 1, 3, 3)
    box, warnings = select_box([BoxAnnotation(box, "bart") for box in boxes], "bart", 6, 4)
    assert box == (0, 0, 3, 3)
    assert len(warnings) == 2
    assert "3 boxes" in warnings[-1]
