"""How one image follows from another."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)  # as many pairs of a data set have one
class Relation:
    """The changes that make the second image of a pair from the first.

    Attributes:
        scale: Pixels of a side of the second image per pixel of the first.
        mirror: (vertically, horizontally).
        shift: (down, right), in pixels of the second image.
        gain: Factor of the brightness.
        offset: What is then added to the brightness, of 255.
        background: Whether alpha or the color of the background differ.
        quality: The JPEG quality that explains the difference that remains; 100 if none is needed.
        residual: Root mean square difference that remains, of 255.
    """

    scale: float = 1.0
    mirror: tuple[bool, bool] = (False, False)
    shift: tuple[int, int] = (0, 0)
    gain: float = 1.0
    offset: float = 0.0
    background: bool = False
    quality: int = 100
    residual: float = 0.0

    def __str__(self) -> str:
        """The changes in words, such as "scaled x2, mirrored"."""
        words = []
        if abs(self.scale - 1) > 1e-3:
            words.append(f"scaled x{self.scale:.3g}")
        words += {
            (False, False): [],
            (False, True): ["mirrored"],
            (True, False): ["mirrored vertically"],
        }[self.mirror]
        if self.shift != (0, 0):
            words.append(f"shifted {self.shift}")
        change = 100 * (self.gain - 1) + self.offset / 1.28  # at mid-gray
        if abs(change) >= 1:
            words.append(f"brightness {change:+.0f} %")
        if self.background:
            words.append("other alpha or background")
        if self.residual >= 1 or self.quality < 100 or not words:
            words.append("recompressed")
        return ", ".join(words)

    def with_scale(self, scale: float) -> "Relation":
        return replace(self, scale=scale)
