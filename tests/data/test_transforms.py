"""Denoising is compared with the model that it minimizes, other pixels with arrays cut by hand."""

import sys
from functools import partial

import numpy as np
import pytest
from PIL import Image

from gv_jax.data import dataset, transforms
from gv_jax.data.box import NO_BOX
from gv_jax.data.decode import to_array
from gv_jax.errors import UserError

PIXELS = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
RESIZE = {
    "size": (6, 8),
    "channels": 3,
    "resize_mode": "stretch",
    "interpolation": "box",
    "background": (0, 0, 0),
}


def apply(text, box=NO_BOX, pixels=PIXELS, enlarge=None, **changes):
    process = transforms.build_transforms(
        transforms.parse_preprocess(text), partial(to_array, **{**RESIZE, **changes}), enlarge
    )
    return process(Image.fromarray(pixels), box)


def doubled(pixels):
    return pixels.repeat(2, axis=0).repeat(2, axis=1)


def total_variation(pixels):
    """Isotropic, forward differences, of one channel in [0, 1]."""
    down, right = (
        np.diff(pixels, axis=0, append=pixels[-1:]),
        np.diff(pixels, axis=1, append=pixels[:, -1:]),
    )
    return np.sqrt(down**2 + right**2).sum()


class TestParse:
    @pytest.mark.parametrize(
        ("text", "names"),
        [
            ("none", ()),
            ("", ()),
            ("crop", ("crop",)),
            ("crop+denoise", ("crop", "denoise")),
            ("vanilla + crop", ("crop",)),
            ("super_resolution+denoise", ("super_resolution", "denoise")),
            ("crop+denoise+super_resolution", ("crop", "denoise", "super_resolution")),
        ],
    )
    def test_names_in_the_order_written(self, text, names):
        assert transforms.parse_preprocess(text) == names

    @pytest.mark.parametrize(
        ("text", "match"),
        [
            (
                "denoize",
                r"'denoize'; did you mean 'denoise'\? Valid: crop, denoise, super_resolution, vanilla",
            ),
            ("crop,denoise", r"did you mean"),
            ("crop++denoise", "is called ''"),
            ("crop+crop", "once"),
            ("denoise+crop", r"write it first: crop\+denoise\."),
        ],
    )
    def test_refused_in_one_line(self, text, match):
        with pytest.raises(UserError, match=match) as caught:
            transforms.parse_preprocess(text)
        assert "\n" not in str(caught.value)


class TestVanilla:
    def test_is_nothing_but_the_resize(self):
        assert np.array_equal(
            apply("none", box=(1, 1, 5, 5)), to_array(Image.fromarray(PIXELS), **RESIZE)
        )


class TestCrop:
    def test_is_what_is_in_the_box(self):
        cut = apply(
            "crop", box=(2, 5, 8, 13)
        )  # 6 rows and 8 columns, so that nothing is left to resize
        assert np.array_equal(cut, PIXELS[2:8, 5:13])

    def test_comes_before_the_resize(self):
        cut = apply("crop", box=(0, 0, 12, 8))
        assert np.array_equal(cut, to_array(Image.fromarray(PIXELS[:, :8]), **RESIZE))

    def test_without_a_box_it_is_the_whole_picture(self):
        assert np.array_equal(apply("crop"), apply("none"))

    def test_one_pixel(self):
        assert (apply("crop", box=(3, 4, 4, 5)) == PIXELS[3, 4]).all()

    @pytest.mark.parametrize("resize_mode", ["stretch", "crop", "pad"])
    def test_fits_like_any_other_picture(self, resize_mode):
        assert apply("crop", box=(0, 0, 12, 4), resize_mode=resize_mode).shape == (6, 8, 3)


class TestDenoise:
    def test_a_plain_picture_stays(self):
        plain = np.full((6, 8, 3), (7, 100, 255), np.uint8)
        assert np.array_equal(transforms.denoise(plain), plain)

    def test_minimizes_distance_and_variation(self):
        """Chambolle's model: |u - f|^2 / 2 + weight * TV(u), which it lowers for every channel by itself."""
        for channel in range(3):
            before = PIXELS[..., channel] / 255.0
            after = transforms.denoise(PIXELS)[..., channel] / 255.0
            cost = ((after - before) ** 2).sum() / 2 + transforms.DENOISE_WEIGHT * total_variation(
                after
            )
            assert total_variation(after) < 0.7 * total_variation(before)
            assert cost < transforms.DENOISE_WEIGHT * total_variation(before)
            assert abs(after.mean() - before.mean()) < 0.01

    def test_every_channel_by_itself_and_alpha_not_at_all(self):
        smooth = transforms.denoise(np.concatenate([PIXELS, PIXELS[..., :1]], axis=-1))
        assert np.array_equal(smooth[..., :3], transforms.denoise(PIXELS))
        assert np.array_equal(smooth[..., 3], PIXELS[..., 0])
        for channel in range(3):
            alone = transforms.denoise(PIXELS[..., channel : channel + 1])
            assert np.array_equal(alone[..., 0], smooth[..., channel])

    def test_keeps_an_edge_but_not_the_noise_beside_it(self):
        clean = np.full((32, 32, 3), 60, np.uint8)
        clean[:, 16:] = 190
        noisy = clean + np.random.default_rng(1).integers(-12, 13, clean.shape)
        smooth = transforms.denoise(noisy.astype(np.uint8)).astype(int)
        assert np.abs(smooth - clean).mean() < 0.7 * np.abs(noisy - clean).mean()
        assert (smooth[:, 17] - smooth[:, 14]).min() > 90

    def test_comes_after_the_resize(self):
        assert np.array_equal(apply("denoise"), transforms.denoise(apply("none")))
        assert np.array_equal(
            apply("crop+denoise", box=(2, 5, 8, 13)), transforms.denoise(PIXELS[2:8, 5:13])
        )

    def test_without_scikit_image(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "skimage", None)
        apply("crop")
        with pytest.raises(UserError, match=r"pip install -e '\.\[image\]'"):
            apply("denoise")


class TestSuperResolution:
    def test_doubles_the_resized_picture(self):
        assert np.array_equal(apply("super_resolution", enlarge=doubled), doubled(apply("none")))
        assert transforms.output_size(("super_resolution",), (6, 8)) == (12, 16)
        assert transforms.output_size(("crop", "denoise"), (6, 8)) == (6, 8)

    def test_in_the_order_written(self):
        first = apply("denoise+super_resolution", enlarge=doubled)
        second = apply("super_resolution+denoise", enlarge=doubled)
        assert np.array_equal(first, doubled(transforms.denoise(apply("none"))))
        assert np.array_equal(second, transforms.denoise(doubled(apply("none"))))
        assert not np.array_equal(first, second)

    def test_without_a_network(self):
        with pytest.raises(UserError, match=r"--config.data.super_resolution=RUN_FOLDER"):
            apply("crop+super_resolution")

    @pytest.mark.parametrize("wrong", [lambda pixels: pixels, lambda pixels: doubled(pixels) / 255])
    def test_a_function_that_does_something_else(self, wrong):
        with pytest.raises(ValueError, match="enlarge made"):
            apply("super_resolution", enlarge=wrong)


class TestInADataSet:
    @pytest.fixture
    def load(self, shapes, tmp_path):
        source = {
            "path": str(shapes),
            "skip_broken": False,
            "valid_fraction": 0.2,
            "test_fraction": 0,
            "split_seed": 0,
        }

        def load(preprocess, key="", **changes):
            shape = {**RESIZE, **changes}
            enlarge = doubled if key else None
            options = {**shape, **source, "group_pattern": "", "preprocess": preprocess}
            return dataset.load_split_arrays(
                "image_folder", root=tmp_path, enlarge=enlarge, enlarge_key=key, **options
            )

        return load

    def caches(self, tmp_path):
        return len(list((tmp_path / "cache").iterdir()))

    def test_pictures(self, load):
        plain = load("none").splits["valid"].images
        assert np.array_equal(load("crop").splits["valid"].images, plain)  # there are no boxes
        smooth = load("crop+denoise").splits["valid"].images
        assert np.array_equal(smooth, np.stack([transforms.denoise(image) for image in plain]))
        large = load("super_resolution", key="twice").splits["valid"].images
        assert np.array_equal(large, np.stack([doubled(image) for image in plain]))

    def test_each_has_a_cache_of_its_own(self, load, tmp_path):
        for text in ("none", "crop", "denoise", "crop+denoise"):
            load(text)
        assert self.caches(tmp_path) == 4
        for text in ("", "vanilla+crop", "denoise"):
            load(text)
        assert self.caches(tmp_path) == 4

    def test_each_network_has_a_cache_of_its_own_where_it_is_used(self, load, tmp_path):
        load("crop", key="one")
        load("crop", key="other")
        assert self.caches(tmp_path) == 1
        load("super_resolution", key="one")
        load("super_resolution", key="other")
        assert self.caches(tmp_path) == 3

    def test_new_version_makes_another_cache(self, load, tmp_path, monkeypatch):
        load("none")
        monkeypatch.setattr(transforms, "TRANSFORMS_VERSION", transforms.TRANSFORMS_VERSION + 1)
        load("none")
        assert self.caches(tmp_path) == 2

    def test_enlarging_takes_rgb(self, load):
        with pytest.raises(UserError, match=r"--config\.data\.channels=3"):
            load("super_resolution", key="twice", channels=4)
