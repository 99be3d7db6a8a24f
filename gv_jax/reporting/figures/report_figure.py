"""A figure of a report."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ReportFigure:
    """A PNG file and the text of the report that goes with it.

    Attributes:
        file: The PNG file, with its resolution in dots per inch.
        section: Key of the section of the report, as in `report.FIGURE_SECTIONS`.
        title: Heading.
        caption: Text below the figure.
        photos: Whether it shows images of the data set, whose colors a dark page must not invert.
    """

    file: Path
    section: str
    title: str
    caption: str
    photos: bool = False
