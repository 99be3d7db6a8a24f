"""Bounding boxes in pixels."""

# top, left, bottom, right; bottom and right are exclusive
Box = tuple[int, int, int, int]
NO_BOX: Box = (0, 0, 0, 0)


def box_area(box: Box) -> int:
    """Area in pixels."""
    top, left, bottom, right = box
    return (bottom - top) * (right - left)


def box_error(box: Box, height: int, width: int) -> str:
    """Why `box` is no valid box in an image of height x width; "" for a valid box."""
    top, left, bottom, right = box
    if bottom < top or right < left:
        return "has a negative side"
    if bottom == top or right == left:
        return "has no area"
    if min(box) < 0 or bottom > height or right > width:
        return "is not inside the image"
    return ""
