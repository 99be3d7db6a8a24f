"""Draws time and memory of data against their number, size and number of classes.

    python -m benchmarks.input --images 1000 10000 100000 --csv rows.csv
    python -m benchmarks.input --images 1000 --size 32 64 128 256 512 --csv rows.csv
    python -m benchmarks.input --images 40000 --classes 10 100 1000 10000 --csv rows.csv
    python -m benchmarks.scaling rows.csv docs/images/scaling.png

Each row of the figure is a phase of `benchmarks.input`; times are those of all images together, as
processor time. A dashed line grows linearly.
"""

import argparse
import csv
from collections import Counter
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from gv_jax.reporting.figures.style import BLUE, DASHED, MUTED, ORANGE, RED, save_figure, with_style

PHASES = {  # column of the CSV file -> label and color
    "prepare": ("prepare", BLUE),
    "open": ("later start", MUTED),
    "records": ("read and decode", ORANGE),
    "audit": ("audit", RED),
}
AXES = {"images": "images", "size": "side in pixels", "classes": "classes"}
TITLES = {**AXES, "size": "px"}
Row = dict[str, float]


def read_rows(file: Path) -> list[Row]:
    """The rows of a CSV file of `benchmarks.input`; values that were not measured are left out."""
    with file.open(encoding="utf-8") as stream:
        return [
            {name: float(value) for name, value in row.items() if value and name != "format"}
            for row in csv.DictReader(stream)
        ]


def choose_series(rows: list[Row], axis: str) -> list[Row]:
    """The rows that differ along one axis only: those with the most frequent other values."""
    others = [name for name in AXES if name != axis]
    keys = [tuple(row[name] for name in others) for row in rows]
    values = {
        key: {row[axis] for row, own in zip(rows, keys, strict=True) if own == key} for key in keys
    }
    best = max(values, key=lambda key: (len(values[key]), Counter(keys)[key]))
    chosen = [row for row, key in zip(rows, keys, strict=True) if key == best]
    return sorted({row[axis]: row for row in chosen}.values(), key=lambda row: row[axis])


def draw_axis(axes: Axes, series: list[Row], axis: str, unit: str) -> None:
    """Draws the time ("ms") or memory ("mb") of every phase along one axis."""
    for phase, (label, color) in PHASES.items():
        points = [
            (row[axis], row[f"{phase}_{unit}"] * (row["images"] / 1e3 if unit == "ms" else 1))
            for row in series
            if f"{phase}_{unit}" in row
        ]
        if points:
            axes.plot(
                *zip(*points, strict=True), color=color, marker="o", markersize=3, label=label
            )
    if unit == "ms" and axis == "images" and series:
        counts = [row[axis] for row in series]
        first = series[0]["prepare_ms"] * counts[0] / 1e3
        linear = [first * count / counts[0] for count in counts]
        axes.plot(counts, linear, color=MUTED, linestyle=DASHED, linewidth=0.8, label="linear")
    axes.set(xscale="log", xlabel=AXES[axis])
    axes.set(**({"yscale": "log"} if unit == "ms" else {"ylim": (0, None)}))
    axes.set_xticks([row[axis] for row in series])
    # The style writes no formulas, as which powers of ten would be set.
    for scale in (axes.xaxis, axes.yaxis):
        scale.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
        scale.set_minor_formatter(NullFormatter())
    axes.minorticks_off()
    axes.tick_params(axis="x", rotation=30)
    axes.grid(visible=True)


@with_style()
def draw(rows: list[Row]) -> Figure:
    """The figure: time above memory, one column for each axis."""
    figure = Figure((8.5, 4.6), layout="constrained")
    grid = figure.subplots(2, len(AXES))
    for column, axis in enumerate(AXES):
        series = choose_series(rows, axis)
        for line, unit in enumerate(("ms", "mb")):
            draw_axis(grid[line][column], series, axis, unit)
        fixed = ", ".join(
            f"{series[0][name]:,.0f} {AXES[name]}"
            if name != "size"
            else f"{series[0][name]:.0f} px"
            for name in AXES
            if name != axis
        )
        grid[0][column].set_title(fixed, fontsize=8)
    grid[0][0].set_ylabel("processor time in s")
    grid[1][0].set_ylabel("peak memory in MB")
    lines, labels = grid[0][0].get_legend_handles_labels()
    figure.legend(lines, labels, loc="outside upper center", ncols=len(labels))
    return figure


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("rows", type=Path, help="CSV file of benchmarks.input")
    parser.add_argument("figure", type=Path, help="PNG file")
    options = parser.parse_args(arguments)
    options.figure.parent.mkdir(parents=True, exist_ok=True)
    save_figure(draw(read_rows(options.rows)), options.figure)


if __name__ == "__main__":
    main()
