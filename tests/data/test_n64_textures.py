import numpy as np
import pytest
from PIL import Image

from gv_jax.data import dataset
from gv_jax.data.builders.n64_textures import N64Textures
from gv_jax.errors import UserError

COMMON = {"skip_broken": False, "valid_fraction": 0.2, "test_fraction": 0.2, "split_seed": 0}
SHAPE = {
    "size": (32, 32),
    "channels": 4,
    "fit": "stretch",
    "interpolation": "box",
    "background": (1, 2, 3),
}


def textures(folder):
    """Five textures a class: four PNG with a clear upper half, and a BMP."""
    for label, name in enumerate(N64Textures.fixed):
        (folder / name).mkdir(parents=True)
        pixels = np.full((32, 32, 4), (200, label, 0, 255), np.uint8)
        Image.fromarray(pixels[..., :3]).save(folder / name / "t.bmp")
        pixels[:16, :, 3] = 0
        for number in range(4):
            Image.fromarray(pixels).save(folder / name / f"t{number}.PNG")
    return folder


def load(tmp_path, path, **options):
    return dataset.load_split_arrays(
        "n64_textures", root=tmp_path / "data", path=str(path), **SHAPE, **{**COMMON, **options}
    )


def test_the_classes_of_the_seed():
    assert len(N64Textures.fixed) == 15
    assert list(N64Textures.fixed) == sorted(N64Textures.fixed)
    assert {"bricks_masonry", "earth_rocks_terrain", "sprite_menu", "fx"} < set(N64Textures.fixed)


@pytest.mark.parametrize("given", [True, False])
def test_load_from_a_path_or_from_its_place_below_root(tmp_path, given):
    folder = textures(tmp_path / "data" / "n64_textures")
    data = load(tmp_path, folder if given else "")
    assert data.classes == N64Textures.fixed
    assert {split: part.images.shape for split, part in data.splits.items()} == {
        "train": (45, 32, 32, 4),
        "valid": (15, 32, 32, 4),
        "test": (15, 32, 32, 4),
    }
    for part in data.splits.values():
        for image, label, name in zip(part.images, part.labels, part.ids, strict=True):
            assert (image[16:] == (200, label, 0, 255)).all()
            assert (
                image[:16] == ((200, label, 0, 255) if name.endswith("bmp") else (1, 2, 3, 0))
            ).all()


def test_wrong_size(tmp_path):
    folder = textures(tmp_path / "in")
    Image.new("RGBA", (64, 32)).save(folder / "water" / "big.png")
    with pytest.raises(
        UserError, match=r"water/big.png: has 64x32 pixels, not 32x32.*skip_broken=True"
    ):
        load(tmp_path, folder)
    data = load(tmp_path, folder, skip_broken=True)
    assert data.skipped == (f"{folder}/water/big.png: has 64x32 pixels, not 32x32",)


def test_nothing_there_says_what_to_put_where(tmp_path):
    with pytest.raises(
        UserError, match=r"data/n64_textures: no such folder.*background, bricks.*path=DIR"
    ):
        load(tmp_path, "")


def test_missing_and_foreign_classes(tmp_path):
    folder = textures(tmp_path / "in")
    (folder / "metal").rename(folder / "iron")
    with pytest.raises(UserError, match="no pictures of metal"):
        load(tmp_path, folder)
    (folder / "iron").rename(folder / "metal")
    (folder / "extra").mkdir()
    Image.new("RGBA", (32, 32)).save(folder / "extra" / "a.png")
    with pytest.raises(UserError, match="extra: is none of the classes"):
        load(tmp_path, folder)
    assert len(load(tmp_path, folder, skip_broken=True).skipped) == 1
