"""Counts in English sentences."""


def count_noun(count: int, noun: str, plural: str = "") -> str:
    """ "1 image", "2,000 images", "3 classes".

    Args:
        count: how many.
        noun: in the singular.
        plural: unless it is `noun` with an s, or with es after s, x, ch and sh.
    """
    if count == 1:
        return f"1 {noun}"
    ending = "es" if noun.endswith(("s", "x", "ch", "sh")) else "s"
    return f"{count:,} {plural or noun + ending}"
