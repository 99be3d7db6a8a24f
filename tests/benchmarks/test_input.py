"""The benchmark of data: generated images, phases and the CSV file."""

import csv

from PIL import Image

from benchmarks import input as benchmark
from benchmarks.generated_images import write_image_folder


def test_generated_images_are_seeded_and_of_their_class(tmp_path):
    for name in ("a", "b"):
        write_image_folder(tmp_path / name, 24, 8, 3, seed=1)
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*.png"))
    assert len(files) == 24
    assert {file.parts[0] for file in files} == {"class_0", "class_1", "class_2"}
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
        with Image.open(tmp_path / "a" / file) as image:
            assert image.size == (8, 8)


def test_every_phase_has_its_time_and_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(benchmark, "BATCH_SIZE", 4)
    write_image_folder(tmp_path / "in", 40, 8, 2)
    row = {}
    for phase in ("prepare", "cached", "records"):
        row |= benchmark.measure_phase(phase, tmp_path / "in", 40, 8)
    assert set(row) == {f"{p}_{u}" for p in ("prepare", "cached", "records") for u in ("ms", "mb")}
    assert all(value > 0 for value in row.values())


def test_rows_are_appended_below_one_header(tmp_path):
    for count in (1, 2):
        benchmark.append_row(tmp_path / "rows.csv", {"images": count, "size": 32})
    with (tmp_path / "rows.csv").open() as file:
        assert list(csv.reader(file)) == [["images", "size"], ["1", "32"], ["2", "32"]]
