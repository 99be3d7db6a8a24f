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
from gv_jax.image.resample import downsample_2x, quantize_8bit, upsample_2x
from gv_jax.reporting.figures import charts
from gv_jax.reporting.figures.charts import BLUE, INK, MUTED, RED, ReportFigure
from gv_jax.reporting.figures.grids import CaptionLine, image_grid

RestorationOutputs = Mapping[
    str, np.ndarray
]  # of every picture of a split: psnr, ssim …, and baseline_psnr … of the floor
RESTORATION_METRICS = ("psnr", "ssim", "mse", "loss")  # the telling ones first
EXAMPLES_EACH = 2  # pictures shown of the best, of the middle and of the worst
DETAIL_PX = 50  # pixels: the side of the parts of them that are compared
AUGMENTED_SHOWN = 16  # training pictures after augmentation
GAINS_CAPTION = (
    "Decibels of PSNR that the network gains over {floor} on each picture of the {split} split: {mean_db:+.2f} dB in "
    "the mean, {median_db:+.2f} dB in the middle, and a gain on {better_share:.1%} of them."
)
DETAILS_CAPTION = (
    "The largest gains, those in the middle and the smallest; of each picture the part where {floor} errs most. "
    "Decibels are of the whole picture."
)
WHOLE_CAPTION = "What the network made of the same pictures, with the gain over {floor}."
TRAINING_CAPTION = (
    "Training pictures after augmentation: the originals that the network should come back to."
)


@dataclass(frozen=True)
class RestorationSpec:
    """What is restored. does: what the network does, for a sentence. floor: what it is measured against.

    told, plain: float pictures [n h w c] in [0, 1] -> what the network is told of them, and the floor's answer.
    """

    does: str
    told_name: str
    floor: str
    told: Callable[[jax.Array], jax.Array]
    plain: Callable[[jax.Array], jax.Array]


UPSCALING = RestorationSpec(
    "Doubles the size of pictures",
    "halved",
    "bicubic",
    downsample_2x,
    lambda images: upsample_2x(downsample_2x(images)),
)


@dataclass(frozen=True)
class RestorationEvaluation:
    """results: for results.json. predictions: a row for every picture of every split, {"id", "mse", "psnr", "ssim",
    "baseline_psnr", "gain_db", "split"}. main: the split that figures are of; gains: dB of its pictures [n].
    """

    results: dict[str, Any]
    predictions: list[dict[str, Any]]
    main: str
    dataset: Dataset
    kind: RestorationSpec
    gains: np.ndarray

    def draw(
        self,
        folder: Path,
        augmented: tuple[np.ndarray, np.ndarray] | None = None,
        answer: Callable[[np.ndarray], np.ndarray] | None = None,
        maps: Callable[..., dict[str, np.ndarray]] | None = None,
    ) -> list[ReportFigure]:
        """Writes the figures as PNGs into `folder`, which is made.

        augmented: pictures that the network was trained on, float [0, 1] [n h w c], and what is not used here.
        answer: the network; without it no pictures of its own are shown. maps: feature maps; not shown here.
        """
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "gains.png"
        charts.save_figure(
            charts.plot_histogram(self.gains, f"PSNR gained over {self.kind.floor}, dB"), file
        )
        caption = GAINS_CAPTION.format(
            floor=self.kind.floor, split=self.main, **self.results["gain"]
        )
        exhibits = [ReportFigure(file, "results", "What it gains", caption)]
        if answer is not None:
            exhibits += self._examples(folder, answer)
        if augmented is not None:
            shown = list(augmented[0][:AUGMENTED_SHOWN])
            charts.save_figure(
                image_grid(shown, [[]] * len(shown), columns=4), folder / "augmented.png"
            )
            exhibits.append(
                ReportFigure(
                    folder / "augmented.png",
                    "data",
                    "Training pictures",
                    TRAINING_CAPTION,
                    photos=True,
                )
            )
        return exhibits

    def _examples(
        self, folder: Path, answer: Callable[[np.ndarray], np.ndarray]
    ) -> list[ReportFigure]:
        split = self.dataset.splits[self.main]
        rows = {row["id"]: row for row in self.predictions if row["split"] == self.main}
        details, detail_captions, whole, whole_captions = [], [], [], []
        for index in pick_by_gain(self.gains):
            images = jnp.asarray(split.images[index][None], jnp.float32) / 255.0
            told, plain = self.kind.told(images), self.kind.plain(images)
            ours = quantize_8bit(jnp.asarray(answer(np.asarray(told))))
            views = [np.asarray(view)[0] for view in (images, told, plain, ours)]
            top, left = max_error_window(np.square(views[2] - views[0]).sum(-1))
            details += [crop_window(view, views[0].shape, top, left) for view in views]
            name = str(split.ids[index])
            row = rows[name]
            colour = BLUE if row["gain_db"] > 0 else RED
            gain = CaptionLine(f"{row['psnr']:.2f} ({row['gain_db']:+.2f})", colour)
            detail_captions += [
                [CaptionLine(name, INK), CaptionLine("original", MUTED)],
                [CaptionLine(self.kind.told_name, INK)],
                [
                    CaptionLine(self.kind.floor, INK),
                    CaptionLine(f"{row['baseline_psnr']:.2f} dB", MUTED),
                ],
                [CaptionLine("network", INK), gain],
            ]
            whole.append(views[3])
            whole_captions.append([CaptionLine(name, INK), gain])
        exhibits = []
        for file, title, text, figure in (
            (
                "examples",
                "Best, middle, worst",
                DETAILS_CAPTION,
                image_grid(details, detail_captions, columns=4),
            ),
            (
                "whole",
                "Whole pictures",
                WHOLE_CAPTION,
                image_grid(whole, whole_captions, columns=2),
            ),
        ):
            charts.save_figure(figure, folder / f"{file}.png")
            caption = text.format(floor=self.kind.floor)
            exhibits.append(
                ReportFigure(folder / f"{file}.png", "gallery", title, caption, photos=True)
            )
        return exhibits


def evaluate_restoration(
    kind: RestorationSpec, records: Mapping[str, RestorationOutputs], dataset: Dataset
) -> RestorationEvaluation:
    """What follows from the records of each split of `dataset`, in the order of its pictures."""
    main = next(name for name in ("test", "valid", "train") if name in records)
    baseline: dict[str, Any] = {"name": kind.floor}
    results: dict[str, Any] = {"baseline": baseline}
    for split, record in records.items():
        results[split] = {
            "count": len(record["psnr"]),
            **{name: mean_float64(record[name]) for name in RESTORATION_METRICS},
        }
        baseline[split] = {
            name: mean_float64(record[f"baseline_{name}"]) for name in RESTORATION_METRICS
        }
    gains = psnr_gain(records[main])
    results["gain"] = {
        "mean_db": mean_float64(gains),
        "median_db": float(np.median(gains)),
        "better_share": mean_float64(gains > 0),
    }
    results["summary"] = summarize_restoration(results, main, kind)
    results["main_split"] = main
    rows = [
        row for split, record in records.items() for row in restoration_rows(split, record, dataset)
    ]
    return RestorationEvaluation(results, rows, main, dataset, kind, gains)


evaluate_upscaling = partial(evaluate_restoration, UPSCALING)


def mean_float64(values: np.ndarray) -> float:
    """The sum in float64, divided once."""
    return float(values.sum(dtype=np.float64) / len(values))


def psnr_gain(record: RestorationOutputs) -> np.ndarray:
    """PSNR over that of the floor in dB, float64 [n]."""
    return record["psnr"].astype(np.float64) - record["baseline_psnr"]


def summarize_restoration(results: Mapping[str, Any], main: str, kind: RestorationSpec) -> str:
    """The outcome in two sentences."""
    here, floor, gain = results[main], results["baseline"][main], results["gain"]
    return (
        f"{kind.does}: PSNR {here['psnr']:.2f} dB and SSIM {here['ssim']:.3f} over {here['count']:,} pictures of the "
        f"{main} split, where {kind.floor} reaches {floor['psnr']:.2f} dB and {floor['ssim']:.3f}. "
        f"That is {gain['mean_db']:+.2f} dB a picture, and a gain on {gain['better_share']:.1%} of them."
    )


def restoration_rows(
    split: str, record: RestorationOutputs, dataset: Dataset
) -> list[dict[str, Any]]:
    """How near each picture of a split was come to."""
    gains = psnr_gain(record)
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


def pick_by_gain(gains: np.ndarray) -> np.ndarray:
    """Indices of the `EACH` largest, middle and smallest gains, largest first; of few pictures all."""
    order = np.argsort(-gains, kind="stable")
    if len(order) <= 3 * EXAMPLES_EACH:
        return order
    middle = (len(order) - EXAMPLES_EACH) // 2
    return np.concatenate(
        [order[:EXAMPLES_EACH], order[middle : middle + EXAMPLES_EACH], order[-EXAMPLES_EACH:]]
    )


def max_error_window(errors: np.ndarray) -> tuple[int, int]:
    """The top and left, even, of the window of `DETAIL` pixels in which `errors` [h w] sum to most."""
    height, width = errors.shape
    sums = np.pad(errors.astype(np.float64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    tops = np.arange(0, max(height - DETAIL_PX, 0) + 1, 2)[:, None]
    lefts = np.arange(0, max(width - DETAIL_PX, 0) + 1, 2)[None]
    below, right = np.minimum(tops + DETAIL_PX, height), np.minimum(lefts + DETAIL_PX, width)
    windows = sums[below, right] - sums[tops, right] - sums[below, lefts] + sums[tops, lefts]
    row, column = np.unravel_index(windows.argmax(), windows.shape)
    return 2 * int(row), 2 * int(column)


def crop_window(view: np.ndarray, whole: tuple[int, ...], top: int, left: int) -> np.ndarray:
    """The window of `busiest` in a picture of `whole`'s shape, or of a smaller one of it."""
    times = whole[0] // view.shape[0]
    top, left, side = top // times, left // times, DETAIL_PX // times
    return view[top : top + side, left : left + side]
