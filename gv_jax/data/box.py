"""Where in a picture the thing is that its label names."""

Box = tuple[
    int, int, int, int
]  # top, left, bottom, right in pixels; bottom and right are the first outside
NO_BOX: Box = (0, 0, 0, 0)


def box_area(box: Box) -> int:
    """Pixels in it."""
    top, left, bottom, right = box
    return (bottom - top) * (right - left)


def box_error(box: Box, height: int, width: int) -> str:
    """What keeps `box` from being a part of a picture of that size; "" for nothing."""
    top, left, bottom, right = box
    if bottom < top or right < left:
        return "ends before it begins"
    if bottom == top or right == left:
        return "has no area"
    if min(box) < 0 or bottom > height or right > width:
        return "is not inside the picture"
    return ""
