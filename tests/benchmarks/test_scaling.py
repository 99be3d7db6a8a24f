"""The figure of growth, and the summary of speeds."""

import argparse

from PIL import Image

from benchmarks import scaling, throughput


def make_row(images: int, size: int, classes: int, ms: float) -> dict[str, float]:
    return {"images": images, "size": size, "classes": classes, "prepare_ms": ms, "prepare_mb": 9}


ROWS = [
    make_row(10, 32, 10, 1.0),
    make_row(1000, 32, 10, 3.0),
    make_row(100, 32, 10, 2.0),
    make_row(100, 64, 10, 4.0),
    make_row(500, 32, 2, 5.0),
    make_row(500, 32, 3, 6.0),
    make_row(500, 32, 4, 7.0),
]


def test_a_series_differs_along_one_axis():
    assert [row["prepare_ms"] for row in scaling.choose_series(ROWS, "images")] == [1, 2, 3]
    assert [row["prepare_ms"] for row in scaling.choose_series(ROWS, "size")] == [2, 4]
    assert [row["prepare_ms"] for row in scaling.choose_series(ROWS, "classes")] == [5, 6, 7]


def test_the_figure_is_drawn_from_a_csv_file(tmp_path):
    names = [*ROWS[0], "audit_ms"]
    lines = [",".join(["format", *names])]
    lines += [",".join(["png", *(str(row.get(name, "")) for name in names)]) for row in ROWS]
    (tmp_path / "rows.csv").write_text("\n".join(lines))
    assert scaling.read_rows(tmp_path / "rows.csv") == ROWS
    scaling.main([str(tmp_path / "rows.csv"), str(tmp_path / "new" / "figure.png")])
    with Image.open(tmp_path / "new" / "figure.png") as figure:
        assert figure.width > 1000


def test_speeds_are_relative_to_those_of_images_in_memory():
    rows = [
        {"storage": name, "images_per_second": speed, "peak_mb": speed}
        for name, speed in (
            ("resident", 100.0),
            ("records", 90.0),
            ("resident", 80.0),
            ("records", 70.0),
            ("resident", 60.0),
            ("records", 72.0),
        )
    ]
    resident, records = throughput.summarize(rows)
    assert resident == {
        "storage": "resident",
        "images_per_second": 80.0,
        "ratio": 1.0,
        "peak_mb": 100.0,
    }
    assert (records["ratio"], records["peak_mb"]) == (0.9, 90.0)


def test_storages_differ_in_their_bounds_only(tmp_path):
    options = argparse.Namespace(size=8, model="baseline", batch=4, steps=2)
    commands = {
        storage: set(throughput.make_command(storage, options, tmp_path / "in", tmp_path / "run"))
        for storage in throughput.STORAGES
    }
    assert commands["records"] - commands["cached"] == {"--config.data.cache_mb=0"}
    assert commands["resident"] - commands["cached"] == {"--config.train.device_cache_mb=1000000"}
