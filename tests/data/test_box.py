import pytest

from gv_jax.data.box import NO_BOX, box_area, box_error


def test_area():
    assert box_area((1, 2, 4, 7)) == 15
    assert box_area(NO_BOX) == 0


@pytest.mark.parametrize("box", [(0, 0, 6, 4), (0, 0, 1, 1), (5, 3, 6, 4)])
def test_inside_of_6x4(box):
    assert box_error(box, 6, 4) == ""


@pytest.mark.parametrize(
    ("box", "why"),
    [
        ((0, 0, 7, 4), "is not inside the picture"),
        ((0, 0, 6, 5), "is not inside the picture"),
        ((-1, 0, 6, 4), "is not inside the picture"),
        ((0, -1, 6, 4), "is not inside the picture"),
        ((3, 0, 2, 4), "ends before it begins"),
        ((0, 3, 6, 2), "ends before it begins"),
        ((3, 0, 3, 4), "has no area"),
        ((0, 4, 6, 4), "has no area"),
        (NO_BOX, "has no area"),
    ],
)
def test_not_in_6x4(box, why):
    assert box_error(box, 6, 4) == why
