"""What the pixels of an image do not preserve is listed in the warnings of the data set."""

import numpy as np
import pytest
from PIL import Image

from gv_jax.data import dataset
from tests.data.builders.folders import make_builder, write_classes
from tests.data.formats.bmp_files import V4, encode_bmp

UNUSED_BYTE = encode_bmp(np.array([[1, 2], [3, 4]]) << 24, 32)
ALPHA_MASKS = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
CLEAR = encode_bmp(np.ones((2, 2), int), 32, header_size=V4, compression=3, masks=ALPHA_MASKS)


@pytest.mark.parametrize("data", [UNUSED_BYTE, CLEAR])
def test_remarks_are_warnings_of_the_builder(tmp_path, data):
    folder = write_classes(tmp_path / "in")
    (folder / "cat" / "odd.bmp").write_bytes(data)
    builder = make_builder(folder, tmp_path)
    builder.prepare()
    (warning,) = builder.warnings
    assert warning.startswith(f"{folder}/cat/odd.bmp: ")
    assert builder.skipped == []


def test_they_are_read_again_from_the_prepared_data_and_from_the_cache(tmp_path):
    folder = write_classes(tmp_path / "in")
    frames = [Image.new("RGB", (8, 8), (shade, 0, 0)) for shade in (10, 200)]
    frames[0].save(folder / "cat" / "moving.gif", save_all=True, append_images=frames[1:])
    options = {
        "root": tmp_path / "data",
        "path": str(folder),
        "skip_broken": False,
        "valid_fraction": 0.2,
        "test_fraction": 0.2,
        "split_seed": 0,
        "group_pattern": "",
        "size": (8, 8),
        "channels": 3,
        "resize_mode": "stretch",
        "interpolation": "box",
        "background": (0, 0, 0),
    }
    for _ in range(2):
        (warning,) = dataset.load_split_arrays("image_folder", **options).warnings
        assert warning.startswith(f"{folder}/cat/moving.gif: ")
