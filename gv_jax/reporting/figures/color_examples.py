"""Coloured pictures beside what was told, the floor and the originals; where they err, and with which colours."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib import colormaps

from gv_jax.data.dataset import Dataset
from gv_jax.image.ciede2000 import ciede2000
from gv_jax.image.color import rgb_to_lab
from gv_jax.reporting.figures import charts
from gv_jax.reporting.figures.charts import INK, MUTED, ReportFigure
from gv_jax.reporting.figures.grids import CaptionLine, image_grid
from gv_jax.tasks.colorization import Colorization, lab_to_display_rgb

EXAMPLES_EACH = 2  # pictures shown of the best, of the middle and of the worst
MAX_SOURCES = 12  # of which a picture is shown, at most
AUGMENTED_SHOWN = 16  # training pictures after augmentation
WORST_SHOWN = 40.0  # CIEDE2000 that is drawn white
STRIP_HEIGHT = (28, 240)  # pixels of a palette
RANKED = (
    "The best, the middle and the worst of the {split} split by their mean CIEDE2000: what the network is told, the "
    "mean colour of each grey in training, what the network answers, the original, and where the answer errs: black "
    "where it is right, white for a CIEDE2000 (ΔE) of 40 or more."
)
OF_EACH = "Of every game the picture in the middle, by CIEDE2000."
PALETTES = (
    "Colours of the same pictures in the order of their lightness, as wide as they are frequent: from above those of "
    "the lookup, of the network, of the original."
)
TRAINING = (
    "Training pictures after augmentation: the originals that the network should come back to."
)


@dataclass(frozen=True)
class ColorizationEvaluation:
    """results: for results.json. predictions: a row for every picture of every split. main: the split that figures are
    of; errors: mean CIEDE2000 of its pictures [n].
    """

    results: dict[str, Any]
    predictions: list[dict[str, Any]]
    main: str
    dataset: Dataset
    task: Colorization
    errors: np.ndarray

    def draw(
        self,
        folder: Path,
        augmented: tuple[np.ndarray, np.ndarray] | None = None,
        answer: Callable[[np.ndarray], np.ndarray] | None = None,
        maps: Callable[..., dict[str, np.ndarray]] | None = None,
    ) -> list[ReportFigure]:
        """Writes the figures as PNGs into `folder`, which is made.

        augmented: pictures that the network was trained on, float [0, 1] [n h w 3], and what is not used here.
        answer: the network; without it no pictures of its own are shown. maps: feature maps; not shown here.
        """
        folder.mkdir(parents=True, exist_ok=True)
        exhibits = []
        if answer is not None:
            look = render_example(self, answer)
            ranked, games = (
                [look(index) for index in pick_color_examples(self.errors)],
                [look(index) for index in self.of_games()],
            )
            whole = [example_grid(ranked, 5), example_grid(games, 4), palette_figure(games)]
            for name, title, caption, figure in zip(
                ("examples", "games", "palettes"),
                ("Best, middle, worst", "Every game", "Palettes"),
                (RANKED.format(split=self.main), OF_EACH, PALETTES),
                whole,
                strict=True,
            ):
                charts.save_figure(figure, folder / f"{name}.png")
                exhibits.append(
                    ReportFigure(folder / f"{name}.png", "gallery", title, caption, photos=True)
                )
        if augmented is not None:
            pictures = list(augmented[0][:AUGMENTED_SHOWN])
            charts.save_figure(
                image_grid(pictures, [[]] * len(pictures), columns=4), folder / "augmented.png"
            )
            exhibits.append(
                ReportFigure(
                    folder / "augmented.png", "data", "Training pictures", TRAINING, photos=True
                )
            )
        return exhibits

    def of_games(self) -> list[int]:
        """Of every class the picture whose error is in the middle."""
        labels = np.asarray(self.dataset.splits[self.main].labels)
        found = []
        for label in np.unique(labels)[:MAX_SOURCES]:
            mine = np.flatnonzero(labels == label)
            found.append(int(mine[np.argsort(self.errors[mine], kind="stable")[len(mine) // 2]]))
        return found


@dataclass(frozen=True)
class ColorExample:
    """A picture of a data set and what became of it: [h w 1 or 3] in [0, 1], and mean CIEDE2000."""

    name: str
    told: np.ndarray
    lookup: np.ndarray
    network: np.ndarray
    original: np.ndarray
    errors: np.ndarray
    lookup_error: float
    network_error: float


class render_example:
    """The view of a picture of the main split, by index."""

    def __init__(
        self, assessment: ColorizationEvaluation, answer: Callable[[np.ndarray], np.ndarray]
    ) -> None:
        task = assessment.task
        self.split, self.answer = assessment.dataset.splits[assessment.main], answer
        nothing = jnp.zeros((1, 0))
        self.tell = jax.jit(lambda images: task.encode(jax.random.key(0), images, nothing))

        def compare(
            outputs: jax.Array, targets: Mapping[str, jax.Array]
        ) -> tuple[list[jax.Array], list[jax.Array]]:
            greys, originals = targets["greys"], targets["originals"]
            made = [
                lab_to_display_rgb(lab)
                for lab in (task.floor("grey_lookup", greys), task.answered(outputs, greys))
            ]
            return made, [ciede2000(rgb_to_lab(picture), rgb_to_lab(originals)) for picture in made]

        self.compare = jax.jit(compare)

    def __call__(self, index: int) -> ColorExample:
        inputs, targets = self.tell(self.split.images[index][None].astype(np.float32) / 255)
        made, errors = self.compare(self.answer(np.asarray(inputs)), targets)
        pictures = (targets["greys"], *made, targets["originals"], errors[1])
        told, lookup, network, original, wrong = (np.asarray(picture)[0] for picture in pictures)
        drawn = colormaps["inferno"](np.clip(wrong / WORST_SHOWN, 0, 1))[..., :3]
        means = [float(np.mean(np.asarray(error))) for error in errors]
        return ColorExample(
            str(self.split.ids[index]), told, lookup, network, original, drawn, means[0], means[1]
        )


def example_grid(views: Sequence[ColorExample], columns: int) -> Any:
    """A row for each view: told, lookup, network, original and, as a fifth, where the network errs."""
    pictures, captions = [], []
    for view in views:
        pictures += [view.told, view.lookup, view.network, view.original, view.errors][:columns]
        captions += [
            [CaptionLine(view.name, INK), CaptionLine("told", MUTED)],
            [CaptionLine("lookup", INK), CaptionLine(f"ΔE {view.lookup_error:.1f}", MUTED)],
            [CaptionLine("network", INK), CaptionLine(f"ΔE {view.network_error:.1f}", MUTED)],
            [CaptionLine("original", INK)],
            [CaptionLine("error", INK)],
        ][:columns]
    return image_grid(pictures, captions, columns=columns)


def palette_figure(views: Sequence[ColorExample]) -> Any:
    """Of each view three strips of colours, one below the other."""
    pictures = []
    for view in views:
        strips = [palette_strip(picture) for picture in (view.lookup, view.network, view.original)]
        gap = np.ones((STRIP_HEIGHT[0] // 4, STRIP_HEIGHT[1], 3))
        pictures.append(np.concatenate([strips[0], gap, strips[1], gap, strips[2]]))
    return image_grid(pictures, [[CaptionLine(view.name, INK)] for view in views], columns=2)


def palette_strip(picture: np.ndarray) -> np.ndarray:
    """The colours of a picture [h w 3] in [0, 1] from dark to light.  # [28 240 3]"""
    pixels = np.round(picture.reshape(-1, 3) * 255) / 255
    grey = np.round(pixels @ np.array([0.299, 0.587, 0.114]), 2)
    order = np.lexsort((pixels[:, 2], pixels[:, 0], grey))
    places = np.linspace(0, len(order) - 1, STRIP_HEIGHT[1]).round().astype(int)
    return np.broadcast_to(pixels[order[places]], (*STRIP_HEIGHT, 3))


def pick_color_examples(errors: np.ndarray) -> np.ndarray:
    """Indices of the `EACH` smallest, middle and largest errors, smallest first; of few pictures all."""
    order = np.argsort(errors, kind="stable")
    if len(order) <= 3 * EXAMPLES_EACH:
        return order
    middle = (len(order) - EXAMPLES_EACH) // 2
    return np.concatenate(
        [order[:EXAMPLES_EACH], order[middle : middle + EXAMPLES_EACH], order[-EXAMPLES_EACH:]]
    )
