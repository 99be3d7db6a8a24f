"""Color heads: what the outputs of a colorization network mean, and their loss.

A head decodes outputs [n h w k] to a and b of CIELAB, or to L, a and b. Regression predicts the
color itself; the other heads predict a distribution over a few colors.
"""

from typing import Any

from gv_jax.errors import UserError, unknown
from gv_jax.tasks.color_heads.bins import BinsHead
from gv_jax.tasks.color_heads.color_head import ColorHead, Section
from gv_jax.tasks.color_heads.palette import PaletteHead
from gv_jax.tasks.color_heads.regression import RegressionHead

COLOR_HEAD_RANGES = {  # of the fields of config.color_head
    "palette_size": (2, 256),
    "temperature": (0, 100),
    "rebalance_lambda": (0.001, 1),
}
COLOR_HEADS: dict[str, type[ColorHead]] = {
    "mse": RegressionHead,
    "bins": BinsHead,
    "palette": PaletteHead,
}


def validate_color_head(section: Section) -> None:
    """Raises UserError for a value of the section config.color_head that no head can have."""
    if section.name not in COLOR_HEADS:
        raise unknown("value of config.color_head.name", section.name, COLOR_HEADS)
    for field, (low, high) in COLOR_HEAD_RANGES.items():
        if not low <= section[field] <= high:
            raise UserError(
                f"config.color_head.{field} is {section[field]}: set it to {low} to {high}"
            )
    if section.predict_lightness and not COLOR_HEADS[section.name].has_lightness:
        raise UserError(
            f"config.color_head.name={section.name} cannot predict lightness: "
            "set config.color_head.predict_lightness=False"
        )


def head_from_json(name: str, state: Any, channels: int, temperature: float) -> ColorHead:
    """The head of a finished run.

    Args:
        name: A name in COLOR_HEADS.
        state: What `to_json` returned.
        channels: 2 for a and b, 3 for L, a and b.
        temperature: Of the annealed mean.
    """
    return COLOR_HEADS[name].from_json(state, channels, temperature)
