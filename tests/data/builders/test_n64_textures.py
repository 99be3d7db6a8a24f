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
    "resize_mode": "stretch",
    "interpolation": "box",
    "background": (1, 2, 3),
}


def write_textures(folder):
    """Five textures per class: four PNG with a transparent upper half, and a BMP."""
    for label, name in enumerate(N64Textures.fixed_classes):
        (folder / name).mkdir(parents=True)
        pixels = np.full((32, 32, 4), (200, label, 0, 255), np.uint8)
        Image.fromarray(pixels[..., :3]).save(folder / name / "t.bmp")
        pixels[:16, :, 3] = 0
        for number in range(4):
            Image.fromarray(pixels).save(folder / name / f"t{number}.PNG")
    return folder


def load(tmp_path, path, **options):
    options = {"root": tmp_path / "data", "path": str(path), **SHAPE, **COMMON, **options}
    return dataset.load_split_arrays("n64_textures", **options)


def make_builder(tmp_path, path, **options):
    return N64Textures(root=tmp_path / "data", path=str(path), **{**COMMON, **options})


def test_the_published_classes():
    assert len(N64Textures.fixed_classes) == 15
    assert list(N64Textures.fixed_classes) == sorted(N64Textures.fixed_classes)
    some = {"bricks_masonry", "earth_rocks_terrain", "sprite_menu", "fx"}
    assert some < set(N64Textures.fixed_classes)


@pytest.mark.parametrize("with_path", [True, False])
def test_load_from_a_path_or_from_root(tmp_path, with_path):
    folder = write_textures(tmp_path / "data" / "n64_textures")
    data = load(tmp_path, folder if with_path else "")
    assert data.classes == N64Textures.fixed_classes
    assert {split: part.images.shape for split, part in data.splits.items()} == {
        "train": (45, 32, 32, 4),
        "valid": (15, 32, 32, 4),
        "test": (15, 32, 32, 4),
    }
    for part in data.splits.values():
        for image, label, image_id in zip(part.images, part.labels, part.ids, strict=True):
            opaque = (200, label, 0, 255)
            assert (image[16:] == opaque).all()
            assert (image[:16] == (opaque if image_id.endswith("bmp") else (1, 2, 3, 0))).all()


@pytest.mark.parametrize("resize_mode", ["stretch", "crop", "pad"])
def test_images_of_other_sizes_are_resized(tmp_path, resize_mode):
    folder = write_textures(tmp_path / "in")
    for number, size in enumerate([(64, 64), (24, 40), (40, 24), (128, 16), (5, 300)]):
        image = Image.new("RGBA", size, (9, 200, 9, 255))
        image.save(folder / "water" / f"other{number}.png")
    data = load(tmp_path, folder, resize_mode=resize_mode)
    others = [
        image
        for part in data.splits.values()
        for image, image_id in zip(part.images, part.ids, strict=True)
        if "other" in image_id
    ]
    assert len(others) == 5
    for image in others:
        assert image.shape == (32, 32, 4)
        colors = {tuple(color) for color in image.reshape(-1, 4).tolist()}
        padding = {(1, 2, 3, 0)} if resize_mode == "pad" else set()
        assert {(9, 200, 9, 255)} <= colors <= {(9, 200, 9, 255)} | padding


def test_no_folder(tmp_path):
    message = r"data/n64_textures: .*background, bricks.*config\.data\.path=DIR"
    with pytest.raises(UserError, match=message):
        make_builder(tmp_path, "").generate()


def test_missing_and_unknown_classes(tmp_path):
    folder = write_textures(tmp_path / "in")
    (folder / "metal").rename(folder / "iron")
    with pytest.raises(UserError, match="of metal"):
        make_builder(tmp_path, folder).generate()
    (folder / "iron").rename(folder / "metal")
    (folder / "extra").mkdir()
    Image.new("RGBA", (32, 32)).save(folder / "extra" / "a.png")
    with pytest.raises(UserError, match=r"extra: .*\(background, "):
        make_builder(tmp_path, folder).generate()
    builder = make_builder(tmp_path, folder, skip_broken=True)
    builder.generate()
    assert len(builder.skipped) == 1
