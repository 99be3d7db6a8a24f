import pytest

from gv_jax.data.box import NO_BOX, box_area, box_error


def test_area():
    assert box_area((1, 2, 4, 7)) == 15
    assert box_area(NO_BOX) == 0


@pytest.mark.parametrize("box", [(0, 0, 6, 4), (0, 0, 1, 1), (5, 3, 6, 4)])
def test_valid_in_6x4(box):
    assert box_error(box, 6, 4) == ""


@pytest.mark.parametrize(
    ("box", "reason"),
    [
        ((0, 0, 7, 4), "inside"),
        ((0, 0, 6, 5), "inside"),
        ((-1, 0, 6, 4), "inside"),
        ((0, -1, 6, 4), "inside"),
        ((3, 0, 2, 4), "negative"),
        ((0, 3, 6, 2), "negative"),
        ((3, 0, 3, 4), "area"),
        ((0, 4, 6, 4), "area"),
        (NO_BOX, "area"),
    ],
)
def test_invalid_in_6x4(box, reason):
    assert reason in box_error(box, 6, 4)
