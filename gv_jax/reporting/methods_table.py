"""The table that compares a network with its baselines, a column each."""

from collections.abc import Mapping
from typing import Any

from gv_jax.evaluation.splits import SPLIT_TITLES, WHOLE_IMAGES
from gv_jax.reporting.formatting import format_value, heading
from gv_jax.reporting.page import Cell, Table
from gv_jax.wording import count_noun

METHODS = "baselines"  # key of the rows of network and baselines, which become columns
ORIGINAL = "original"  # method of the row of the original frames
BASELINES_CAPTION = (
    "Baselines without a network: no color (gray), the mean color of the training images, and the "
    "mean color of each gray level in training (gray lookup). MSE and MAE are of a and b divided "
    "by 128. Flicker: change of a and b between consecutive frames, for pixels of constant gray."
)


def methods_tables(results: Mapping[str, Any]) -> list[Table]:
    """Network and baselines as the columns of a table, if the task has several; else no table.

    The flicker of the originals, which have no error, is stated in the caption.
    """
    rows = [row for row in results.get(METHODS, []) if row["method"] != ORIGINAL]
    if not rows:
        return []
    names = list(dict.fromkeys(name for row in rows for name in row if name != "method"))
    cells = [
        [Cell(heading(name))]
        + [Cell(format_value(name, row.get(name)), numeric=True) for row in rows]
        for name in names
    ]
    caption = BASELINES_CAPTION
    for row in results[METHODS]:
        if row["method"] == ORIGINAL:
            caption += f" Flicker of the originals: {format_value('flicker', row['flicker'])}."
    if whole := results.get(WHOLE_IMAGES):
        caption = f"{describe_whole_images(whole)} {caption}"
    return [Table(["Metric", *(heading(row["method"]) for row in rows)], cells, caption)]


def describe_whole_images(whole: Mapping[str, Any]) -> str:
    """What was measured, as a sentence."""
    count, total = whole["count"], whole["of_count"]
    images = count_noun(total, "image")
    sample = f"all {images}" if count == total > 1 else f"{count:,} of {images}"
    return (
        f"Whole {SPLIT_TITLES[whole['of']].lower()} images at their own size, as gv-jax "
        f"colorize writes them: {sample}."
    )
