"""How near the pictures that a network makes come to the originals: numbers, rows of predictions and figures."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gv_jax.data.dataset import Dataset
from gv_jax.data.resample import doubled, halved, in_8_bits
from gv_jax.evaluation import figures
from gv_jax.evaluation.figures import BLUE, INK, MUTED, RED, Exhibit
from gv_jax.evaluation.gallery import Line, sheet

Record = Mapping[str, np.ndarray]  # of every picture of a split: psnr, ssim …, and baseline_psnr … of the floor
NAMES = ("psnr", "ssim", "mse", "loss")  # the telling ones first
EACH = 2  # pictures shown of the best, of the middle and of the worst
DETAIL = 50  # pixels: the side of the parts of them that are compared
AUGMENTED = 16  # training pictures after augmentation
GAINS = (
    "Decibels of PSNR that the network gains over {floor} on each picture of the {split} split: {mean_db:+.2f} dB in "
    "the mean, {median_db:+.2f} dB in the middle, and a gain on {better_share:.1%} of them."
)
DETAILS = (
    "The largest gains, those in the middle and the smallest; of each picture the part where {floor} errs most. "
    "Decibels are of the whole picture."
)
WHOLE = "What the network made of the same pictures, with the gain over {floor}."
TRAINING = "Training pictures after augmentation: the originals that the network should come back to."


@dataclass(frozen=True)
class Kind:
    """What is restored. does: what the network does, for a sentence. floor: what it is measured against.

    told, plain: float pictures [n h w c] in [0, 1] -> what the network is told of them, and the floor's answer.
    """

    does: str
    told_name: str
    floor: str
    told: Callable[[jax.Array], jax.Array]
    plain: Callable[[jax.Array], jax.Array]


ENLARGING = Kind("Doubles the size of pictures", "halved", "bicubic", halved, lambda images: doubled(halved(images)))


@dataclass(frozen=True)
class Assessment:
    """results: for results.json. predictions: a row for every picture of every split, {"id", "mse", "psnr", "ssim",
    "baseline_psnr", "gain_db", "split"}. main: the split that figures are of; gains: dB of its pictures [n].
    """

    results: dict[str, Any]
    predictions: list[dict[str, Any]]
    main: str
    dataset: Dataset
    kind: Kind
    gains: np.ndarray

    def draw(
        self,
        folder: Path,
        augmented: tuple[np.ndarray, np.ndarray] | None = None,
        answer: Callable[[np.ndarray], np.ndarray] | None = None,
        maps: Callable[..., dict[str, np.ndarray]] | None = None,
    ) -> list[Exhibit]:
        """Writes the figures as PNGs into `folder`, which is made.

        augmented: pictures that the network was trained on, float [0, 1] [n h w c], and what is not used here.
        answer: the network; without it no pictures of its own are shown. maps: feature maps; not shown here.
        """
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "gains.png"
        figures.save(figures.histogram(self.gains, f"PSNR gained over {self.kind.floor}, dB"), file)
        caption = GAINS.format(floor=self.kind.floor, split=self.main, **self.results["gain"])
        exhibits = [Exhibit(file, "results", "What it gains", caption)]
        if answer is not None:
            exhibits += self._examples(folder, answer)
        if augmented is not None:
            shown = list(augmented[0][:AUGMENTED])
            figures.save(sheet(shown, [[]] * len(shown), columns=4), folder / "augmented.png")
            exhibits.append(Exhibit(folder / "augmented.png", "data", "Training pictures", TRAINING, photos=True))
        return exhibits

    def _examples(self, folder: Path, answer: Callable[[np.ndarray], np.ndarray]) -> list[Exhibit]:
        split = self.dataset.splits[self.main]
        rows = {row["id"]: row for row in self.predictions if row["split"] == self.main}
        details, detail_captions, whole, whole_captions = [], [], [], []
        for index in pick(self.gains):
            images = jnp.asarray(split.images[index][None], jnp.float32) / 255.0
            told, plain = self.kind.told(images), self.kind.plain(images)
            ours = in_8_bits(jnp.asarray(answer(np.asarray(told))))
            views = [np.asarray(view)[0] for view in (images, told, plain, ours)]
            top, left = busiest(np.square(views[2] - views[0]).sum(-1))
            details += [part(view, views[0].shape, top, left) for view in views]
            name = str(split.ids[index])
            row = rows[name]
            colour = BLUE if row["gain_db"] > 0 else RED
            gain = Line(f"{row['psnr']:.2f} ({row['gain_db']:+.2f})", colour)
            detail_captions += [
                [Line(name, INK), Line("original", MUTED)],
                [Line(self.kind.told_name, INK)],
                [Line(self.kind.floor, INK), Line(f"{row['baseline_psnr']:.2f} dB", MUTED)],
                [Line("network", INK), gain],
            ]
            whole.append(views[3])
            whole_captions.append([Line(name, INK), gain])
        exhibits = []
        for file, title, text, figure in (
            ("examples", "Best, middle, worst", DETAILS, sheet(details, detail_captions, columns=4)),
            ("whole", "Whole pictures", WHOLE, sheet(whole, whole_captions, columns=2)),
        ):
            figures.save(figure, folder / f"{file}.png")
            caption = text.format(floor=self.kind.floor)
            exhibits.append(Exhibit(folder / f"{file}.png", "gallery", title, caption, photos=True))
        return exhibits


def assess(kind: Kind, records: Mapping[str, Record], dataset: Dataset) -> Assessment:
    """What follows from the records of each split of `dataset`, in the order of its pictures."""
    main = next(name for name in ("test", "valid", "train") if name in records)
    baseline: dict[str, Any] = {"name": kind.floor}
    results: dict[str, Any] = {"baseline": baseline}
    for split, record in records.items():
        results[split] = {"count": len(record["psnr"]), **{name: mean(record[name]) for name in NAMES}}
        baseline[split] = {name: mean(record[f"baseline_{name}"]) for name in NAMES}
    gains = gained(records[main])
    results["gain"] = {
        "mean_db": mean(gains),
        "median_db": float(np.median(gains)),
        "better_share": mean(gains > 0),
    }
    results["summary"] = summary(results, main, kind)
    results["main_split"] = main
    rows = [row for split, record in records.items() for row in prediction_rows(split, record, dataset)]
    return Assessment(results, rows, main, dataset, kind, gains)


assess_enlarging = partial(assess, ENLARGING)


def mean(values: np.ndarray) -> float:
    """The sum in float64, divided once."""
    return float(values.sum(dtype=np.float64) / len(values))


def gained(record: Record) -> np.ndarray:
    """PSNR over that of the floor in dB, float64 [n]."""
    return record["psnr"].astype(np.float64) - record["baseline_psnr"]


def summary(results: Mapping[str, Any], main: str, kind: Kind) -> str:
    """The outcome in two sentences."""
    here, floor, gain = results[main], results["baseline"][main], results["gain"]
    return (
        f"{kind.does}: PSNR {here['psnr']:.2f} dB and SSIM {here['ssim']:.3f} over {here['count']:,} pictures of the "
        f"{main} split, where {kind.floor} reaches {floor['psnr']:.2f} dB and {floor['ssim']:.3f}. "
        f"That is {gain['mean_db']:+.2f} dB a picture, and a gain on {gain['better_share']:.1%} of them."
    )


def prediction_rows(split: str, record: Record, dataset: Dataset) -> list[dict[str, Any]]:
    """How near each picture of a split was come to."""
    gains = gained(record)
    return [
        {
            "id": identity,
            "mse": float(f"{record['mse'][index]:.6g}"),
            "psnr": round(float(record["psnr"][index]), 4),
            "ssim": round(float(record["ssim"][index]), 6),
            "baseline_psnr": round(float(record["baseline_psnr"][index]), 4),
            "gain_db": round(float(gains[index]), 4),
            "split": split,
        }
        for index, identity in enumerate(dataset.splits[split].ids)
    ]


def pick(gains: np.ndarray) -> np.ndarray:
    """Indices of the `EACH` largest, middle and smallest gains, largest first; of few pictures all."""
    order = np.argsort(-gains, kind="stable")
    if len(order) <= 3 * EACH:
        return order
    middle = (len(order) - EACH) // 2
    return np.concatenate([order[:EACH], order[middle : middle + EACH], order[-EACH:]])


def busiest(errors: np.ndarray) -> tuple[int, int]:
    """The top and left, even, of the window of `DETAIL` pixels in which `errors` [h w] sum to most."""
    height, width = errors.shape
    sums = np.pad(errors.astype(np.float64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    tops = np.arange(0, max(height - DETAIL, 0) + 1, 2)[:, None]
    lefts = np.arange(0, max(width - DETAIL, 0) + 1, 2)[None]
    below, right = np.minimum(tops + DETAIL, height), np.minimum(lefts + DETAIL, width)
    windows = sums[below, right] - sums[tops, right] - sums[below, lefts] + sums[tops, lefts]
    row, column = np.unravel_index(windows.argmax(), windows.shape)
    return 2 * int(row), 2 * int(column)


def part(view: np.ndarray, whole: tuple[int, ...], top: int, left: int) -> np.ndarray:
    """The window of `busiest` in a picture of `whole`'s shape, or of a smaller one of it."""
    times = whole[0] // view.shape[0]
    top, left, side = top // times, left // times, DETAIL // times
    return view[top : top + side, left : left + side]
